// iq4_nl weights against q8_0 activations: s = sum over blocks of d_w d_a * sum of value(q) a, with
// the table iq4_values. Nibbles as in q4_0.

#ifndef LB_VEC_DOT_IQ4_NL
#define LB_VEC_DOT_IQ4_NL

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

namespace lb {
namespace {

// iq4_values with 128 added, as unsigned bytes.
struct IQ4Plus128 {
    std::int8_t values[16];
    constexpr IQ4Plus128() : values() {
        for (int i = 0; i < 16; ++i)
            values[i] = static_cast<std::int8_t>(iq4_values[i] ^ -128);
    }
};
constexpr IQ4Plus128 iq4_plus_128;

} // namespace
} // namespace lb

extern "C" void lb_vec_dot_iq4_nl_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                         const void *vy, std::size_t, int) {
    const auto *x = static_cast<const lb::block_iq4_nl *>(vx);
    const auto *y = static_cast<const lb::block_q8_0 *>(vy);
    double total = 0;
    for (int b = 0; b < n / 32; ++b) {
        int sum = 0;
        for (int i = 0; i < 16; ++i) {
            const int low = lb::iq4_values[x[b].qs[i] & 15];
            const int high = lb::iq4_values[x[b].qs[i] >> 4];
            sum += low * y[b].qs[i] + high * y[b].qs[i + 16];
        }
        total += lb::half_to_float(x[b].d) * lb::half_to_float(y[b].d) * static_cast<float>(sum);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/iq4_nl.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(iq4_nl)

#else

using Block = block_iq4_nl;
using Activation = block_q8_0;

template <bool together>
LB_INLINE Eight dots(const Block *const *w, const Activation *const *a, Eight acc) {
    const std::int8_t *values = biased ? iq4_plus_128.values : iq4_values;
    Pack sums[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
        const Pack q = sixteens(w, v, offsetof(Block, qs));
        const Pack a0 = sixteens(a, v, offsetof(Activation, qs));
        const Pack a1 = sixteens(a, v, offsetof(Activation, qs) + 16);
        const Pack q0 = pick(values, low_nibbles(q));
        const Pack q1 = pick(values, high_nibbles(q));
        if constexpr (biased)
            sums[v] = dot_small(q0, a0, q1, a1, fill(128));
        else
            sums[v] = dot_signed(q0, a0, q1, a1);
    }
    const Eight d = multiply(scales<together>(w), scales<together>(a));
    return fma(d, to_floats(sums_of_ints(sums)), acc);
}

#include "kernels/vec_dot/eights.inc"

LB_KERNEL(vec_dot_iq4_nl)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
