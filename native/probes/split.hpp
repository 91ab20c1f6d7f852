// How a thread's memory is divided between parallel streams or between the arrays of STREAM.

#pragma once

#include "probes/loop.hpp"

namespace lb::probes {

struct Split {
    std::size_t count;   // bytes of each part that are used
    std::size_t spacing; // bytes from the start of one part to the next
};

// Parts of equal size, a multiple of `step` lines. Their starts are 21 lines apart modulo 4 KiB:
// at a multiple of 4 KiB all parts would compete for the same set of a cache, and a load would wait
// for a store to another part whose address ends in the same 12 bits. The gaps fit slack_bytes for
// up to 16 parts.
inline constexpr Split split(std::size_t bytes, std::size_t parts, std::size_t step) {
    constexpr std::size_t page_lines = 64, apart = 21;
    const std::size_t lines = bytes / line_bytes / parts;
    const std::size_t gap = (page_lines + apart - lines % page_lines) % page_lines;
    return {lines / step * step * line_bytes, (lines + gap) * line_bytes};
}

} // namespace lb::probes
