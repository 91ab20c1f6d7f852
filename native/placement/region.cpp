#include "placement/region.hpp"

#include <cerrno>
#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace lb {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

// mbind(2) without libnuma: this memory from that node alone. MPOL_BIND is 2 in the kernel's
// interface (include/uapi/linux/mempolicy.h).
bool bind_to_node(void *start, std::size_t bytes, int node) {
    constexpr int mpol_bind = 2;
    constexpr std::size_t bits = 8 * sizeof(unsigned long);
    std::vector<unsigned long> nodes(node / bits + 1);
    nodes[node / bits] = 1ul << node % bits;
    // The kernel counts one bit less than it is told.
    return syscall(SYS_mbind, start, bytes, mpol_bind, nodes.data(), nodes.size() * bits + 1, 0) ==
           0;
}

} // namespace

Region::Region(std::size_t bytes, Pages pages, int file, std::size_t offset, int node)
    : bytes_(bytes) {
    const bool is_file = pages == Pages::file;
    const std::size_t whole = (bytes + huge_page - 1) / huge_page * huge_page;
    mapped_bytes_ = is_file ? bytes : whole + huge_page;
    const int protection = is_file ? PROT_READ : PROT_READ | PROT_WRITE;
    const int flags = is_file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    mapped_ = mmap(nullptr, mapped_bytes_, protection, flags, is_file ? file : -1,
                   is_file ? static_cast<off_t>(offset) : 0);
    if (mapped_ == MAP_FAILED && errno == ENOMEM)
        throw std::bad_alloc();
    if (mapped_ == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "mmap");
    start_ = static_cast<char *>(mapped_);
    if (is_file)
        return;
    start_ += (huge_page - reinterpret_cast<std::uintptr_t>(mapped_) % huge_page) % huge_page;
    refused_ = madvise(start_, whole, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0;
    // Without huge pages in the kernel, small ones are what there is.
    refused_ = refused_ && pages == Pages::huge;
    if (node >= 0 && !bind_to_node(start_, whole, node))
        refused_ = true;
}

Region::Region(Region &&other) noexcept
    : mapped_(std::exchange(other.mapped_, nullptr)), mapped_bytes_(other.mapped_bytes_),
      start_(other.start_), bytes_(other.bytes_), refused_(other.refused_) {}

Region::~Region() {
    if (mapped_)
        munmap(mapped_, mapped_bytes_);
}

} // namespace lb
