// What a probe times: loops over memory, chases of pointers, arithmetic; each for one instruction
// set. The table of all of them is loops().

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lb::probes {

inline constexpr std::size_t line_bytes = 64;
// Memory behind a thread's bytes that loops may use to keep their streams apart.
inline constexpr std::size_t slack_bytes = 16 * 64 * line_bytes;

// One thread's part of a measurement.
struct Work {
    char *memory = nullptr; // `bytes` and slack_bytes, aligned to pages
    std::size_t bytes = 0;
    std::size_t passes = 0; // how often the loop goes over the memory
    char *cursor = nullptr; // where a chase of pointers goes on
};

// Does work.passes passes. The result depends on all that was read, so that nothing is left out.
using Run = std::uint64_t (*)(Work &work);

struct Loop {
    const char *name;     // read, write, ..., latency, int8, f32; _nt for non-temporal stores
    const char *isa;      // the instruction set's name
    const char *features; // what the CPU must have, by name, separated by spaces
    int width_bits;
    int streams; // parallel streams, chains or accumulators
    Run run;
    // Bytes, steps or operations in one pass over that many bytes of memory. Bytes count as STREAM
    // counts them: each byte read and each byte written by the program, once.
    std::size_t (*units)(std::size_t bytes);
};

std::vector<Loop> arithmetic_f32_loops();
std::vector<Loop> arithmetic_int8_loops();
std::vector<Loop> chase_loops();
std::vector<Loop> read_loops();
std::vector<Loop> stream_loops();

// All loops of the architecture that this was compiled for, whatever the CPU has.
std::span<const Loop> loops();

} // namespace lb::probes
