// What was done since the process began, for the line at its end.

#pragma once

#include <atomic>
#include <cstddef>

namespace hugealloc {

struct Counters {
    std::atomic<std::size_t> regions{0};
    std::atomic<std::size_t> asked{0};
    // Bytes mapped now, and the most that ever were.
    std::atomic<std::size_t> mapped{0};
    std::atomic<std::size_t> peak{0};
    std::atomic<std::size_t> touched{0};
    std::atomic<std::size_t> touch_nanoseconds{0};
    // Most threads that touched one region.
    std::atomic<std::size_t> threads{0};
    // Regions for which the kernel knows no huge pages.
    std::atomic<std::size_t> refused{0};
};

inline constinit Counters counters;

inline void raise(std::atomic<std::size_t> &most, std::size_t value) {
    std::size_t seen = most.load(std::memory_order_relaxed);
    while (seen < value && !most.compare_exchange_weak(seen, value, std::memory_order_relaxed))
        ;
}

inline void count_mapped(std::size_t bytes) {
    raise(counters.peak, counters.mapped.fetch_add(bytes, std::memory_order_relaxed) + bytes);
}

inline void count_unmapped(std::size_t bytes) {
    counters.mapped.fetch_sub(bytes, std::memory_order_relaxed);
}

} // namespace hugealloc
