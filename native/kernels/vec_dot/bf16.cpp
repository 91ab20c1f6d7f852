// bf16 weights against bf16 activations: each widened to f32, which is exact, and summed in f32;
// the reference sums in double, as ggml's generic one does.

#ifndef LB_VEC_DOT_BF16
#define LB_VEC_DOT_BF16

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_bf16_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                       const void *vy, std::size_t, int) {
    const auto *x = static_cast<const std::uint16_t *>(vx);
    const auto *y = static_cast<const std::uint16_t *>(vy);
    double total = 0;
    for (int i = 0; i < n; ++i) {
        std::uint16_t a, b; // copied, because rows may lie at any address
        std::memcpy(&a, x + i, sizeof a);
        std::memcpy(&b, y + i, sizeof b);
        total += static_cast<double>(lb::bf16_to_float(a)) * lb::bf16_to_float(b);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/bf16.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(bf16)

#else

using Number = std::uint16_t;

LB_INLINE void accumulate(const Number *x, const Number *y, Floats (&sums)[2]) {
    // A pair of neighbours in each lane: the upper half as it stands is one of them.
    const Bytes a = load(x), b = load(y), upper = splat(-65536);
    sums[0] = fma(as_floats(shift_left_lanes<16>(a)), as_floats(shift_left_lanes<16>(b)), sums[0]);
    sums[1] = fma(as_floats(bit_and(a, upper)), as_floats(bit_and(b, upper)), sums[1]);
}

#include "kernels/vec_dot/floats.inc"

LB_KERNEL(vec_dot_bf16)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
