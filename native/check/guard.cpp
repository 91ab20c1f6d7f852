#include "check/guard.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace lb::check {
namespace {

constexpr std::ptrdiff_t margin = 256; // of bytes that are watched on each side

} // namespace

Guarded::Guarded(std::size_t capacity) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    bytes_ = (capacity + page_ - 1) / page_ * page_;
    void *all = mmap(nullptr, bytes_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    first_ = static_cast<std::uint8_t *>(all) + page_;
    if (all == MAP_FAILED || mprotect(first_, bytes_, PROT_READ | PROT_WRITE) != 0) {
        std::perror("kernel_check: mmap");
        std::exit(2);
    }
}

Guarded::~Guarded() {
    munmap(first_ - page_, bytes_ + 2 * page_);
}

std::uint8_t *Guarded::place(std::size_t bytes, Random &random) {
    if (bytes > bytes_) {
        std::fprintf(stderr, "kernel_check: %zu bytes asked of a buffer of %zu\n", bytes, bytes_);
        std::exit(2);
    }
    std::uint8_t *last = first_ + (bytes_ - bytes);
    switch (random.between(0, 4)) {
    case 0:
        return first_;
    case 1:
        return last -
               random.between(0, static_cast<int>(std::min<std::size_t>(bytes_ - bytes, 64)));
    default:
        return last;
    }
}

const std::uint8_t *Guarded::place(const std::uint8_t *bytes, std::size_t count, Random &random) {
    std::uint8_t *copy = place(count, random);
    std::copy_n(bytes, count, copy);
    return copy;
}

void Guarded::fill(std::uint8_t value, std::uint8_t *begin, std::uint8_t *end) {
    std::fill(begin - before(begin), end + behind(end), value);
}

bool Guarded::is_filled_around(std::uint8_t value, const std::uint8_t *begin,
                               const std::uint8_t *end) const {
    const auto differs = [value](std::uint8_t byte) { return byte != value; };
    return std::none_of(begin - before(begin), begin, differs) &&
           std::none_of(end, end + behind(end), differs);
}

std::ptrdiff_t Guarded::before(const std::uint8_t *begin) const {
    return std::min<std::ptrdiff_t>(margin, begin - first_);
}

std::ptrdiff_t Guarded::behind(const std::uint8_t *end) const {
    return std::min<std::ptrdiff_t>(margin, first_ + bytes_ - end);
}

} // namespace lb::check
