// malloc and its family under names of our own: large allocations are regions on huge pages, the
// rest is libc's.

#pragma once

#include <cstddef>

namespace hugealloc {

// Of these, those that return null leave ENOMEM or EINVAL in errno, as in the C library.
void *allocate(std::size_t bytes);
void *allocate_zeroed(std::size_t count, std::size_t bytes);
void *allocate_aligned(std::size_t alignment, std::size_t bytes);
void *reallocate(void *start, std::size_t bytes);

// Leaves errno alone.
void release(void *start);

std::size_t usable_bytes(void *start);

} // namespace hugealloc
