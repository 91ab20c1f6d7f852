// How much memory is there to be had.

#pragma once

#include <cstddef>

namespace hugealloc {

// Bytes that the process can have without swapping: what the kernel calls available, or what the
// limit of its control group leaves, whichever is less. SIZE_MAX where neither can be read. Limits
// of groups above its own are not looked at. Allocates nothing.
std::size_t available_bytes();

} // namespace hugealloc
