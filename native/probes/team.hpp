// Threads with memory of their own, that time loops together.

#pragma once

#include "placement/region.hpp"
#include "probes/chase.hpp"
#include "probes/loop.hpp"

#include <vector>

namespace lb::probes {

struct Sample {
    double seconds; // from the first start to the last end
    bool alone;     // all threads started together and none was taken from its CPU
};

class Team {
public:
    // One thread on each CPU, each with `bytes` of memory. `file` is an open file for Pages::file:
    // thread i reads `bytes` and slack_bytes from i times their sum on; both are multiples of
    // 4 KiB. node < 0: the memory is where its thread is. Throws std::system_error.
    Team(std::vector<int> cpus, std::size_t bytes, Pages pages, int file, int node);

    // Touches memory for about a tenth of a second, each thread its own; true once all of it was
    // touched and, where asked for, linked for the chase of pointers.
    bool prepare(bool chase);

    // Each of `samples` times: all threads start together and do `passes` passes. `warm`: a pass
    // goes before that. A pass goes over `slice` bytes of a thread's memory, a multiple of 4 KiB,
    // and the next one over the next; this way samples from memory can be short without finding in
    // a cache what they just read.
    std::vector<Sample> run(const Loop &loop, std::size_t slice, std::size_t passes,
                            std::size_t samples, bool warm);

    std::size_t bytes() const {
        return works_.front().bytes;
    }
    bool pinned() const {
        return pinned_;
    }
    bool refused() const;
    // Address and bytes of each thread's memory.
    std::vector<std::pair<std::size_t, std::size_t>> extents() const;

private:
    std::vector<int> cpus_;
    Pages pages_;
    std::vector<Region> regions_;
    std::vector<Work> works_;
    std::vector<Chase> chases_;
    std::vector<std::size_t> touched_; // bytes
    std::size_t passed_ = 0;           // slices
    bool pinned_ = true;
};

} // namespace lb::probes
