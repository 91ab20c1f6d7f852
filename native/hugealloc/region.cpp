#include "region.hpp"

#include "counters.hpp"
#include "registry.hpp"

#include <cerrno>
#include <cstdint>
#include <sys/mman.h>

namespace hugealloc {

namespace {

void want_huge_pages(void *start, std::size_t bytes) {
    if (madvise(start, bytes, MADV_HUGEPAGE) != 0)
        counters.refused.fetch_add(1, std::memory_order_relaxed);
}

} // namespace

std::size_t whole_granules(std::size_t bytes) {
    if (bytes > PTRDIFF_MAX - granule)
        return 0;
    return (bytes + granule - 1) / granule * granule;
}

void *map_region(std::size_t bytes, std::size_t alignment) {
    std::size_t room = 0;
    if (__builtin_add_overflow(bytes, alignment, &room)) {
        errno = ENOMEM;
        return nullptr;
    }
    void *mapped = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        errno = ENOMEM;
        return nullptr;
    }
    char *const begin = static_cast<char *>(mapped);
    const std::size_t before =
        (alignment - reinterpret_cast<std::uintptr_t>(begin) % alignment) % alignment;
    char *const start = begin + before;
    if (before > 0)
        munmap(begin, before);
    munmap(start + bytes, alignment - before);
    want_huge_pages(start, bytes);
    return start;
}

void unmap_region(void *start, std::size_t bytes) {
    munmap(start, bytes);
}

bool extend_region(void *start, std::size_t bytes, std::size_t longer) {
    // The kernel's advice belongs to the mapping and goes with it.
    return mremap(start, bytes, longer, 0) != MAP_FAILED;
}

} // namespace hugealloc
