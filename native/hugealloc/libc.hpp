// The allocator that has everything that is not ours.

#pragma once

#include <cstddef>

namespace hugealloc::libc {

void *allocate(std::size_t bytes);
void *allocate_zeroed(std::size_t count, std::size_t bytes);
void *allocate_aligned(std::size_t alignment, std::size_t bytes);
void *reallocate(void *start, std::size_t bytes);
void release(void *start);
std::size_t usable_bytes(void *start);

} // namespace hugealloc::libc
