#include "probes/chase.hpp"

namespace lb::probes {

namespace {

constexpr std::size_t steps = 256; // a pass

std::uint64_t follow(Work &work) {
    char *p = work.cursor;
    for (std::size_t i = 0; i < work.passes * steps; i += 8) {
        for (int step = 0; step < 8; ++step)
            p = *reinterpret_cast<char **>(p);
    }
    work.cursor = p;
    return reinterpret_cast<std::uintptr_t>(p);
}

std::size_t steps_in_pass(std::size_t) {
    return steps;
}

// One round's function of a Feistel network: any will do that mixes well.
std::uint64_t mix(std::uint64_t value, std::uint64_t round) {
    value = (value + round + 1) * 0x9E37'79B9'7F4A'7C15u;
    value ^= value >> 29;
    value *= 0xBF58'476D'1CE4'E5B9u;
    return value ^ value >> 32;
}

} // namespace

Chase::Chase(Work &work) : work_(work), lines_(work.bytes / line_bytes) {
    while (std::uint64_t{1} << 2 * half_bits_ < lines_)
        ++half_bits_;
}

// A permutation of all numbers of 2 * half_bits_ bits that needs no table: a Feistel network. A
// shuffle in memory would wait for memory at each step; this way only stores go there.
std::uint64_t Chase::permuted(std::uint64_t i) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = i >> half_bits_, right = i & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
        const std::uint64_t next = left ^ (mix(right, round) & mask);
        left = right;
        right = next;
    }
    return left << half_bits_ | right;
}

bool Chase::link(std::size_t lines) {
    const std::uint64_t end = std::uint64_t{1} << 2 * half_bits_;
    for (; next_ < end && lines > 0; ++next_) {
        const std::uint64_t line = permuted(next_);
        if (line >= lines_)
            continue;
        char *const here = work_.memory + line * line_bytes;
        if (last_)
            *reinterpret_cast<char **>(last_) = here;
        else
            work_.cursor = here;
        last_ = here;
        --lines;
    }
    if (next_ < end)
        return false;
    *reinterpret_cast<char **>(last_) = work_.cursor;
    return true;
}

std::vector<Loop> chase_loops() {
    return {{"latency", "scalar", "", 64, 1, follow, steps_in_pass}};
}

} // namespace lb::probes
