// glibc exports its allocator under a second name for those who replace the first. It needs no
// look-up, which could itself allocate, and works before any constructor has run.

#include "libc.hpp"

#include <atomic>
#include <dlfcn.h>

extern "C" {
void *__libc_malloc(std::size_t bytes);
void *__libc_calloc(std::size_t count, std::size_t bytes);
void *__libc_realloc(void *start, std::size_t bytes);
void *__libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void *start);
}

namespace hugealloc::libc {

void *allocate(std::size_t bytes) {
    return __libc_malloc(bytes);
}

void *allocate_zeroed(std::size_t count, std::size_t bytes) {
    return __libc_calloc(count, bytes);
}

void *allocate_aligned(std::size_t alignment, std::size_t bytes) {
    return __libc_memalign(alignment, bytes);
}

void *reallocate(void *start, std::size_t bytes) {
    return __libc_realloc(start, bytes);
}

void release(void *start) {
    __libc_free(start);
}

std::size_t usable_bytes(void *start) {
    // The one function without a second name. If its look-up allocates, it does so through us.
    using Function = std::size_t (*)(void *);
    static constinit std::atomic<Function> found{nullptr};
    Function function = found.load(std::memory_order_acquire);
    if (!function) {
        function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "malloc_usable_size"));
        found.store(function, std::memory_order_release);
    }
    return function ? function(start) : 0;
}

} // namespace hugealloc::libc
