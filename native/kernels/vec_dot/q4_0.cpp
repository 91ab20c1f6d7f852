// q4_0 weights against q8_0 activations: s = sum over blocks of d_w d_a * sum of (q - 8) a.
//
// The low nibbles of a block are its first 16 weights, the high ones the others: 16 bytes of each
// of several blocks stand side by side in a vector, and both halves of a block add up in its lanes.
// The 8 is subtracted as 8 times the activations.

#ifndef LB_VEC_DOT_Q4_0
#define LB_VEC_DOT_Q4_0

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q4_0_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                       const void *vy, std::size_t, int) {
    const auto *x = static_cast<const lb::block_q4_0 *>(vx);
    const auto *y = static_cast<const lb::block_q8_0 *>(vy);
    double total = 0;
    for (int b = 0; b < n / 32; ++b) {
        int sum = 0;
        for (int i = 0; i < 16; ++i) {
            const int low = (x[b].qs[i] & 15) - 8;
            const int high = (x[b].qs[i] >> 4) - 8;
            sum += low * y[b].qs[i] + high * y[b].qs[i + 16];
        }
        total += lb::half_to_float(x[b].d) * lb::half_to_float(y[b].d) * static_cast<float>(sum);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q4_0.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q4_0)

#else

using Block = block_q4_0;
using Activation = block_q8_0;

template <bool together>
LB_INLINE Eight dots(const Block *const *w, const Activation *const *a, Eight acc) {
    const Pack eight = fill(8);
    Pack sums[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
        const Pack q = sixteens(w, v, offsetof(Block, qs));
        const Pack a0 = sixteens(a, v, offsetof(Activation, qs));
        const Pack a1 = sixteens(a, v, offsetof(Activation, qs) + 16);
        const Pack q0 = low_nibbles(q);
        const Pack q1 = high_nibbles(q);
        sums[v] = dot_small(q0, a0, q1, a1, eight);
    }
    const Eight d = multiply(scales<together>(w), scales<together>(a));
    return fma(d, to_floats(sums_of_small(sums)), acc);
}

#include "kernels/vec_dot/eights.inc"

LB_KERNEL(vec_dot_q4_0)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
