// q8_0 weights against q8_0 activations: s = sum over blocks of d_w d_a * sum of q a. Weights may
// be -128, activations may not.

#ifndef LB_VEC_DOT_Q8_0
#define LB_VEC_DOT_Q8_0

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q8_0_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                       const void *vy, std::size_t, int) {
    const auto *x = static_cast<const lb::block_q8_0 *>(vx);
    const auto *y = static_cast<const lb::block_q8_0 *>(vy);
    double total = 0;
    for (int b = 0; b < n / 32; ++b) {
        int sum = 0;
        for (int i = 0; i < 32; ++i)
            sum += x[b].qs[i] * y[b].qs[i];
        total += lb::half_to_float(x[b].d) * lb::half_to_float(y[b].d) * static_cast<float>(sum);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q8_0.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q8_0)

#else

using Block = block_q8_0;
using Activation = block_q8_0;

template <bool together>
LB_INLINE Eight dots(const Block *const *w, const Activation *const *a, Eight acc) {
    Pack sums[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
        sums[v] = dot_bytes(w, a, v);
    const Eight d = multiply(scales<together>(w), scales<together>(a));
    return fma(d, to_floats(sums_of_ints(sums)), acc);
}

#include "kernels/vec_dot/eights.inc"

LB_KERNEL(vec_dot_q8_0)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
