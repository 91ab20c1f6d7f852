// Peak float32 arithmetic: multiply-adds into accumulators that don't depend on each other. Ten are
// enough for a latency of five cycles on two ports.

#ifndef LB_FILE_BODY_f32
#define LB_FILE_BODY_f32

#include "probes/loop.hpp"
#include "probes/simd/intrinsics.hpp"

namespace lb::probes {
namespace {

constexpr int accumulators = 10;
constexpr std::size_t turns = 1000; // a pass

} // namespace
} // namespace lb::probes

#define LB_FILE "probes/arithmetic_f32.cpp"
#include "probes/simd/each_width.inc"

namespace lb::probes {

std::vector<Loop> arithmetic_f32_loops() {
    return {
#if defined(__x86_64__)
        sse2::f32(), avx2::f32(), avx512::f32()
#elif defined(__aarch64__)
        neon::f32()
#endif
    };
}

} // namespace lb::probes

#else

LB_LOOP std::uint64_t multiply_adds(Work &work) {
    Floats sums[accumulators], a = splat(1.0f), b = splat(1.0f);
    LB_UNROLL for (Floats &sum : sums) sum = splat(0.0f);
    for (std::size_t turn = 0; turn < work.passes * turns; ++turn)
        LB_UNROLL for (Floats &sum : sums) {
            hide(a); // or equal products would be computed once
            sum = multiply_add(a, b, sum);
        }
    LB_UNROLL for (Floats &sum : sums) hide(sum);
    return 0;
}

static std::size_t operations(std::size_t) {
    return 2 * lanes * accumulators * turns;
}

static Loop f32() {
    return {"f32",        LB_TEXT(LB_ISA), LB_FEATURES, width_bits,
            accumulators, multiply_adds,   operations};
}

#endif
