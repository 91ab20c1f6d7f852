// Which addresses are ours, so that free() never mistakes a pointer of libc for one of them.

#pragma once

#include <cstddef>

namespace hugealloc {

// All our regions begin at a multiple of this; on x86-64 and on AArch64 with pages of 4 KiB it is
// also the size of a huge page.
inline constexpr std::size_t granule = std::size_t{2} << 20;

// Bytes of the region that begins at this address; 0 if none of ours does. Lock-free: two loads,
// and none at all for the addresses that are no multiple of the granule, which are nearly all of
// libc's.
std::size_t registered(const void *start);

// Sets the bytes of the region that begins here. False without memory for the table.
bool enter(void *start, std::size_t bytes);

// Takes the region out and returns its bytes, 0 if it was not there: of two threads that free the
// same pointer, one gets them.
std::size_t remove(void *start);

} // namespace hugealloc
