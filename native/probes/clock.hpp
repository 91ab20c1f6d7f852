// The core clock, from additions that wait for each other.

#pragma once

#include <cstddef>
#include <cstdint>

namespace lb::probes {

struct Elapsed {
    double seconds;
    std::uint64_t ticks; // of the time-stamp counter; 0 where there is none
};

// Times a chain of that many dependent additions, a cycle each. `additions` is a multiple of 64.
Elapsed time_additions(std::size_t additions);

} // namespace lb::probes
