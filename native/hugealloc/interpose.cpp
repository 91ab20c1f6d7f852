// The names under which every program finds us. C++'s new and delete come through malloc and free;
// valloc, pvalloc and reallocarray are libc's own and end in functions of ours or in memory of
// libc's, which free() passes on.

#include "allocator.hpp"

#include <bit>
#include <cerrno>

#define HUGEALLOC_PUBLIC __attribute__((visibility("default")))

extern "C" {

HUGEALLOC_PUBLIC void *malloc(std::size_t bytes) {
    return hugealloc::allocate(bytes);
}

HUGEALLOC_PUBLIC void *calloc(std::size_t count, std::size_t bytes) {
    return hugealloc::allocate_zeroed(count, bytes);
}

HUGEALLOC_PUBLIC void *realloc(void *start, std::size_t bytes) {
    return hugealloc::reallocate(start, bytes);
}

HUGEALLOC_PUBLIC void free(void *start) {
    hugealloc::release(start);
}

HUGEALLOC_PUBLIC void *memalign(std::size_t alignment, std::size_t bytes) {
    return hugealloc::allocate_aligned(alignment, bytes);
}

HUGEALLOC_PUBLIC void *aligned_alloc(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment)) {
        errno = EINVAL;
        return nullptr;
    }
    return hugealloc::allocate_aligned(alignment, bytes);
}

HUGEALLOC_PUBLIC int posix_memalign(void **start, std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    const int before = errno; // POSIX: the error is returned, errno is left alone
    void *fresh = hugealloc::allocate_aligned(alignment, bytes);
    errno = before;
    if (!fresh)
        return ENOMEM;
    *start = fresh;
    return 0;
}

HUGEALLOC_PUBLIC std::size_t malloc_usable_size(void *start) {
    return start ? hugealloc::usable_bytes(start) : 0;
}

} // extern "C"
