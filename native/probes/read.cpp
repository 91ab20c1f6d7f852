// Read-only bandwidth: several streams side by side, a cache line of each in turn. More streams
// keep more of the hardware's prefetchers and miss buffers at work; which number is best differs
// from CPU to CPU.

#ifndef LB_FILE_BODY_read
#define LB_FILE_BODY_read

#include "probes/loop.hpp"
#include "probes/simd/intrinsics.hpp"
#include "probes/split.hpp"

namespace lb::probes {
namespace {

// Lines of one stream that an iteration reads: eight or more lines in all.
constexpr int lines_at_once(int streams) {
    return streams >= 8 ? 1 : 8 / streams;
}

template <int streams> std::size_t read_bytes(std::size_t bytes) {
    return streams * split(bytes, streams, lines_at_once(streams)).count;
}

} // namespace
} // namespace lb::probes

#define LB_FILE "probes/read.cpp"
#include "probes/simd/each_width.inc"

namespace lb::probes {

std::vector<Loop> read_loops() {
    std::vector<Loop> found;
#if defined(__x86_64__)
    sse2::append_read(found);
    avx2::append_read(found);
    avx512::append_read(found);
#elif defined(__aarch64__)
    neon::append_read(found);
#endif
    return found;
}

} // namespace lb::probes

#else

template <int streams> LB_LOOP std::uint64_t read(Work &work) {
    constexpr int ahead = lines_at_once(streams), accumulators = 8;
    const auto [count, spacing] = split(work.bytes, streams, ahead);
    Bytes sums[accumulators];
    LB_UNROLL for (Bytes &sum : sums) sum = no_bytes();
    for (std::size_t pass = 0; pass < work.passes; ++pass) {
        __asm__ volatile("" : : : "memory"); // each pass reads again
        const char *first = work.memory;
        for (const char *end = first + count; first < end; first += ahead * line_bytes) {
            int n = 0;
            LB_UNROLL for (int line = 0; line < ahead; ++line) {
                LB_UNROLL for (int stream = 0; stream < streams; ++stream) {
                    const char *p = first + stream * spacing + line * line_bytes;
                    LB_UNROLL for (int at = 0; at < static_cast<int>(line_bytes);
                                   at += width_bytes, ++n) sums[n % accumulators] =
                        bit_xor(sums[n % accumulators], load(p + at));
                }
            }
        }
    }
    LB_UNROLL for (int i = 1; i < accumulators; ++i) sums[0] = bit_xor(sums[0], sums[i]);
    std::uint64_t sink;
    __builtin_memcpy(&sink, &sums[0], sizeof sink);
    return sink;
}

static void append_read(std::vector<Loop> &found) {
    const char *const isa = LB_TEXT(LB_ISA);
    found.push_back({"read", isa, LB_FEATURES, width_bits, 1, read<1>, read_bytes<1>});
    found.push_back({"read", isa, LB_FEATURES, width_bits, 4, read<4>, read_bytes<4>});
    found.push_back({"read", isa, LB_FEATURES, width_bits, 8, read<8>, read_bytes<8>});
    found.push_back({"read", isa, LB_FEATURES, width_bits, 16, read<16>, read_bytes<16>});
}

#endif
