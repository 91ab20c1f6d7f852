// q5_1 weights against q8_1 activations: s = sum over blocks of d_w d_a * (sum of q a) + m_w s_a,
// where s_a is d_a times the sum of the block's activations. Bits as in q5_0.

#ifndef LB_VEC_DOT_Q5_1
#define LB_VEC_DOT_Q5_1

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q5_1_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                       const void *vy, std::size_t, int) {
    const auto *x = static_cast<const lb::block_q5_1 *>(vx);
    const auto *y = static_cast<const lb::block_q8_1 *>(vy);
    double total = 0;
    for (int b = 0; b < n / 32; ++b) {
        int sum = 0;
        for (int i = 0; i < 16; ++i) {
            const int low = (x[b].qs[i] & 15) | ((x[b].qh[i / 8] >> i % 8 & 1) << 4);
            const int high = (x[b].qs[i] >> 4) | ((x[b].qh[2 + i / 8] >> i % 8 & 1) << 4);
            sum += low * y[b].qs[i] + high * y[b].qs[i + 16];
        }
        total += lb::half_to_float(x[b].d) * lb::half_to_float(y[b].d) * static_cast<float>(sum) +
                 lb::half_to_float(x[b].m) * lb::half_to_float(y[b].s);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q5_1.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q5_1)

#else

using Block = block_q5_1;
using Activation = block_q8_1;

template <bool together>
LB_INLINE Eight dots(const Block *const *w, const Activation *const *a, Eight acc) {
    const auto fifth = fifths<together>(w, offsetof(Block, qh));
    Pack sums[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
        const Pack q = sixteens(w, v, offsetof(Block, qs));
        const Pack a0 = sixteens(a, v, offsetof(Activation, qs));
        const Pack a1 = sixteens(a, v, offsetof(Activation, qs) + 16);
        const Pack q0 = add_fifth(low_nibbles(q), fifth, v, 0);
        const Pack q1 = add_fifth(high_nibbles(q), fifth, v, 1);
        sums[v] = dot_small(q0, a0, q1, a1);
    }
    const EightPairs d = scales_and_minima<together>(w, a);
    return fma(d.scales, to_floats(sums_of_small(sums)), add(acc, d.minima));
}

#include "kernels/vec_dot/eights.inc"

LB_KERNEL(vec_dot_q5_1)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
