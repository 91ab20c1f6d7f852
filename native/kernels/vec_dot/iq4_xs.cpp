// iq4_xs times q8_K: per super-block d_w d_a (sum of scale_j table[q] a over sub-block j of 32).

#ifndef LB_VEC_DOT_IQ4_XS
#define LB_VEC_DOT_IQ4_XS

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_iq4_xs_scalar(int n, float *s, size_t, const void *vx, size_t,
                                         const void *vy, size_t, int) {
    const auto *x = static_cast<const lb::block_iq4_xs *>(vx);
    const auto *y = static_cast<const lb::block_q8_K *>(vy);
    double total = 0;
    for (int i = 0; i < n / lb::super_block; ++i) {
        int products = 0;
        for (int w = 0; w < lb::super_block; ++w) {
            const int j = w / 32;
            const int low = x[i].scales_l[j / 2] >> (j % 2 * 4) & 15;
            const int scale = low + 16 * (x[i].scales_h >> (2 * j) & 3) - 32;
            const int index = x[i].qs[j * 16 + w % 16] >> (w % 32 / 16 * 4) & 15;
            products += scale * lb::iq4_values[index] * y[i].qs[w];
        }
        total += lb::half_to_float(x[i].d) * y[i].d * static_cast<float>(products);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/iq4_xs.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(iq4_xs)

#else

struct Unpack_iq4_xs {
    template <int step> LB_INLINE Bytes weights(const block_iq4_xs &x) {
        return look_up(iq4_values, nibbles16<step>(x.qs));
    }
};

LB_KERNEL(vec_dot_iq4_xs)
(int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy, size_t by, int nrc) {
    const auto *x = static_cast<const block_iq4_xs *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    SumFloats total = no_sums();
    for (int i = 0; i < n / super_block; ++i) {
        const Scales scales = spread<32>(minus_32(from_words(iq4_scales(x[i]))));
        const Ints products = dot_super_signed<Unpack_iq4_xs, 32>(splat(0), x[i], y[i].qs, scales);
        total = add_scaled(total, splat_scale(x[i].d, y[i].d), fold(products));
    }
    const float result = sum_of_sums(total);
    put(s, result);
    if (!finite(result))
        lb_vec_dot_iq4_xs_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
