// Memory straight from the kernel, on huge pages where it has them.

#pragma once

#include <cstddef>

namespace hugealloc {

// Bytes rounded up to whole granules; 0 if that is more than an object may have.
std::size_t whole_granules(std::size_t bytes);

// Maps whole granules at a multiple of `alignment`, itself a power of two of at least one granule,
// and asks for huge pages. Null with errno ENOMEM if the kernel refuses.
void *map_region(std::size_t bytes, std::size_t alignment);

void unmap_region(void *start, std::size_t bytes);

// Makes a region longer where it stands; false if something else is there.
bool extend_region(void *start, std::size_t bytes, std::size_t longer);

} // namespace hugealloc
