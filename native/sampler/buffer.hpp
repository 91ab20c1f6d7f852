// A fixed buffer that signal handlers of several threads fill at once: no locks, no allocation.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace llamabuild::sampler {

struct Sample {
    std::uint64_t nanoseconds;
    std::uint64_t address;
};

class Buffer {
public:
    // Async-signal-safe: the counter is lock-free.
    void add(std::uint64_t nanoseconds, std::uint64_t address) {
        const std::size_t index = asked_.fetch_add(1, std::memory_order_relaxed);
        if (index < limit) {
            samples_[index] = {nanoseconds, address};
        }
    }

    std::size_t stored() const {
        return std::min(asked_.load(), limit);
    }

    std::size_t lost() const {
        return asked_.load() - stored();
    }

    std::span<const Sample> samples() const {
        return std::span(samples_).first(stored());
    }

private:
    // 16 MiB that take memory only as far as they are used; a quarter of an hour at 1000 a second.
    static constexpr std::size_t limit = std::size_t{1} << 20;
    static_assert(std::atomic<std::size_t>::is_always_lock_free);

    std::array<Sample, limit> samples_{};
    std::atomic<std::size_t> asked_{0};
};

} // namespace llamabuild::sampler
