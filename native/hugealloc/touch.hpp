// First touch of fresh memory, by several threads at once.

#pragma once

#include <cstddef>

namespace hugealloc {

// Makes whole granules of memory resident that nobody has used yet. The kernel zeroes a page in the
// thread that touches it first and, on a NUMA machine, on that thread's node; left to the program
// it is mostly one thread that reads a file. Here each of n threads sits on a CPU of its own and
// takes every n-th granule, so that any part of the region lies on all nodes alike.
//
// Does nothing where that would not help or would harm: for regions too small to share out, with
// one CPU, and for more than half of the memory that is to be had.
void touch(void *start, std::size_t bytes);

} // namespace hugealloc
