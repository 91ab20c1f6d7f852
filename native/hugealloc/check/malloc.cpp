// The rest of the allocations from whatever malloc the program has, which a sanitizer can follow.

#include "libc.hpp"

#include <cstdlib>
#include <malloc.h>

namespace hugealloc::libc {

void *allocate(std::size_t bytes) {
    return std::malloc(bytes);
}

void *allocate_zeroed(std::size_t count, std::size_t bytes) {
    return std::calloc(count, bytes);
}

void *allocate_aligned(std::size_t alignment, std::size_t bytes) {
    return memalign(alignment, bytes);
}

void *reallocate(void *start, std::size_t bytes) {
    return std::realloc(start, bytes);
}

void release(void *start) {
    std::free(start);
}

std::size_t usable_bytes(void *start) {
    return malloc_usable_size(start);
}

} // namespace hugealloc::libc
