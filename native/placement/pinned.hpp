// Threads on CPUs of their own, and the barrier that they start from.

#pragma once

#include <atomic>
#include <functional>
#include <vector>

namespace lb {

// Threads wait here for each other, awake: a thread that sleeps starts tens of microseconds late.
class Barrier {
public:
    explicit Barrier(unsigned threads) : threads_(threads) {}
    void wait();

private:
    const unsigned threads_;
    std::atomic<unsigned> arrived_{0};
    std::atomic<unsigned> round_{0};
};

// Runs body(i) in a thread on CPU cpus[i], for all i at once. Returns whether each thread is where
// it should be; where the system refuses, it runs wherever the system puts it. Throws
// std::system_error if there can't be that many threads.
bool run_pinned(const std::vector<int> &cpus, const std::function<void(std::size_t)> &body);

// How often the kernel has taken the calling thread from its CPU for another.
long involuntary_switches();

// Threads that start further apart than this part of a sample did not work together.
inline constexpr double most_lag = 0.1;

// CLOCK_MONOTONIC_RAW in seconds: not slewed by NTP.
double now();

} // namespace lb
