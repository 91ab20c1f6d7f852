// A cycle of pointers through all cache lines of a thread's memory, in random order.

#pragma once

#include "probes/loop.hpp"

namespace lb::probes {

// Links the lines in slices, so that a caller can stop in between.
class Chase {
public:
    explicit Chase(Work &work);
    // Links about that many lines more; true once the cycle is closed.
    bool link(std::size_t lines);

private:
    std::uint64_t permuted(std::uint64_t i) const;

    Work &work_;
    std::uint64_t lines_;
    unsigned half_bits_ = 1; // of a line's number, rounded up to an even number of bits
    std::uint64_t next_ = 0;
    char *last_ = nullptr;
};

} // namespace lb::probes
