// mxfp4 weights against q8_0 activations: s = sum over blocks of 2^(e - 128) d_a * sum of value(q)
// a, with the table mxfp4_values, which holds twice the values. Nibbles as in q4_0. The values are
// at least -12: with 12 added they are small and unsigned, and 12 times the activations is
// subtracted.

#ifndef LB_VEC_DOT_MXFP4
#define LB_VEC_DOT_MXFP4

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

namespace lb {
namespace {

struct MXFP4Plus12 {
    std::int8_t values[16];
    constexpr MXFP4Plus12() : values() {
        for (int i = 0; i < 16; ++i)
            values[i] = static_cast<std::int8_t>(mxfp4_values[i] + 12);
    }
};
constexpr MXFP4Plus12 mxfp4_plus_12;

} // namespace
} // namespace lb

extern "C" void lb_vec_dot_mxfp4_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                        const void *vy, std::size_t, int) {
    const auto *x = static_cast<const lb::block_mxfp4 *>(vx);
    const auto *y = static_cast<const lb::block_q8_0 *>(vy);
    double total = 0;
    for (int b = 0; b < n / 32; ++b) {
        int sum = 0;
        for (int i = 0; i < 16; ++i) {
            const int low = lb::mxfp4_values[x[b].qs[i] & 15];
            const int high = lb::mxfp4_values[x[b].qs[i] >> 4];
            sum += low * y[b].qs[i] + high * y[b].qs[i + 16];
        }
        total +=
            lb::e8m0_half_to_float(x[b].e) * lb::half_to_float(y[b].d) * static_cast<float>(sum);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/mxfp4.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(mxfp4)

#else

using Block = block_mxfp4;
using Activation = block_q8_0;

template <bool together>
LB_INLINE Eight dots(const Block *const *w, const Activation *const *a, Eight acc) {
    const Pack twelve = fill(12);
    Pack sums[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
        const Pack q = sixteens(w, v, offsetof(Block, qs));
        const Pack a0 = sixteens(a, v, offsetof(Activation, qs));
        const Pack a1 = sixteens(a, v, offsetof(Activation, qs) + 16);
        const Pack q0 = pick(mxfp4_plus_12.values, low_nibbles(q));
        const Pack q1 = pick(mxfp4_plus_12.values, high_nibbles(q));
        sums[v] = dot_small(q0, a0, q1, a1, twelve);
    }
    const Eight d = multiply(half_powers<together>(w), scales<together>(a));
    // Rounded on its own: a product beyond the largest float is infinite, as in the reference.
    return add(acc, multiply(d, to_floats(sums_of_small(sums))));
}

#include "kernels/vec_dot/eights.inc"

LB_KERNEL(vec_dot_mxfp4)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
