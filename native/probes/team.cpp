#include "probes/team.hpp"

#include "placement/pinned.hpp"

#include <algorithm>
#include <atomic>

namespace lb::probes {

namespace {

constexpr double slice_seconds = 0.1;
constexpr std::size_t slice_bytes = std::size_t{1} << 20;
constexpr std::size_t slice_lines = 1 << 14;
constexpr std::size_t small_page = 4096;

std::atomic<std::uint64_t> sink; // what loops return ends here

// Brings the memory in. Not with zeros: some CPUs save the bandwidth of lines of zeros.
void touch(char *start, std::size_t bytes, Pages pages) {
    if (pages == Pages::file) {
        std::uint64_t sum = 0;
        for (std::size_t at = 0; at < bytes; at += small_page)
            sum += static_cast<unsigned char>(start[at]);
        sink += sum;
        return;
    }
    float *values = reinterpret_cast<float *>(start);
    std::fill(values, values + bytes / sizeof(float), 1.0f);
}

} // namespace

Team::Team(std::vector<int> cpus, std::size_t bytes, Pages pages, int file, int node)
    : cpus_(std::move(cpus)), pages_(pages), touched_(cpus_.size()) {
    const std::size_t whole = bytes + slack_bytes;
    regions_.reserve(cpus_.size());
    works_.reserve(cpus_.size());
    chases_.reserve(cpus_.size());
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
        const Region &region = regions_.emplace_back(whole, pages, file, i * whole, node);
        Work &work = works_.emplace_back();
        work.memory = region.start();
        work.bytes = bytes;
        chases_.emplace_back(work);
    }
}

bool Team::prepare(bool chase) {
    std::atomic<bool> done{true};
    pinned_ &= run_pinned(cpus_, [&](std::size_t i) {
        const double end = now() + slice_seconds;
        const Region &region = regions_[i];
        while (touched_[i] < region.bytes()) {
            const std::size_t bytes = std::min(slice_bytes, region.bytes() - touched_[i]);
            touch(region.start() + touched_[i], bytes, pages_);
            touched_[i] += bytes;
            if (now() > end)
                break;
        }
        bool ready = touched_[i] == region.bytes();
        if (ready && chase)
            do
                ready = chases_[i].link(slice_lines);
            while (!ready && now() < end);
        if (!ready)
            done = false;
    });
    return done;
}

std::vector<Sample> Team::run(const Loop &loop, std::size_t slice, std::size_t passes,
                              std::size_t samples, bool warm) {
    struct alignas(128) Times { // of one thread, on cache lines of its own
        std::vector<double> start, end;
        std::vector<long> switches;
    };
    std::vector<Times> times(cpus_.size());
    Barrier barrier(static_cast<unsigned>(cpus_.size()));
    pinned_ &= run_pinned(cpus_, [&](std::size_t i) {
        Work work = works_[i];
        work.bytes = slice;
        const std::size_t slices = works_[i].bytes / slice;
        std::size_t passed = passed_;
        times[i].start.resize(samples);
        times[i].end.resize(samples);
        times[i].switches.resize(samples);
        if (warm) {
            work.passes = 1;
            sink += loop.run(work);
        }
        work.passes = slices == 1 ? passes : 1;
        for (std::size_t sample = 0; sample < samples; ++sample) {
            barrier.wait();
            const long before = involuntary_switches();
            times[i].start[sample] = now();
            std::uint64_t result = 0;
            if (slices == 1)
                result = loop.run(work);
            else
                for (std::size_t pass = 0; pass < passes; ++pass) {
                    work.memory = works_[i].memory + passed++ % slices * slice;
                    result += loop.run(work);
                }
            times[i].end[sample] = now();
            times[i].switches[sample] = involuntary_switches() - before;
            sink += result;
        }
        works_[i].cursor = work.cursor;
    });
    passed_ += passes * samples;
    std::vector<Sample> found(samples);
    for (std::size_t sample = 0; sample < samples; ++sample) {
        double first = times[0].start[sample], last = first, end = times[0].end[sample];
        bool switched = false;
        for (const Times &thread : times) {
            first = std::min(first, thread.start[sample]);
            last = std::max(last, thread.start[sample]);
            end = std::max(end, thread.end[sample]);
            switched |= thread.switches[sample] != 0;
        }
        found[sample] = {end - first, !switched && last - first <= most_lag * (end - first)};
    }
    return found;
}

bool Team::refused() const {
    return std::any_of(regions_.begin(), regions_.end(),
                       [](const Region &region) { return region.refused(); });
}

std::vector<std::pair<std::size_t, std::size_t>> Team::extents() const {
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (const Region &region : regions_)
        found.emplace_back(reinterpret_cast<std::uintptr_t>(region.start()), region.bytes());
    return found;
}

} // namespace lb::probes
