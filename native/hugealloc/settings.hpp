// What the environment asks of the library.

#pragma once

#include <cstddef>

namespace hugealloc {

struct Settings {
    // HUGEALLOC_MIN_BYTES: from this size on allocations are ours; at least one granule.
    std::size_t min_bytes;
    // HUGEALLOC_THREADS: threads that may touch a region, and at most one a CPU of the affinity
    // mask; 0 touches nothing.
    std::size_t threads;
    // HUGEALLOC_REPORT=1: one line on stderr when the process ends.
    bool report;
};

// Callable from the very first malloc of a process, before libc itself has been initialized.
const Settings &settings();

// The variables that were set to what can't be used, each with its name; null after the last.
// Callable with index 0 and up.
const char *misread(std::size_t index);

} // namespace hugealloc
