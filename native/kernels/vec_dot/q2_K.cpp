// q2_K times q8_K: per super-block d_w d_a (sum of scale_j q a over sub-block j of 16) - dmin d_a
// (sum of min_j a), where the second sum needs only the sums of 16 activations that q8_K carries.
// Both sums are exact in int32.

#ifndef LB_VEC_DOT_Q2_K
#define LB_VEC_DOT_Q2_K

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q2_K_scalar(int n, float *s, size_t, const void *vx, size_t,
                                       const void *vy, size_t, int) {
    const auto *x = static_cast<const lb::block_q2_K *>(vx);
    const auto *y = static_cast<const lb::block_q8_K *>(vy);
    double total = 0;
    for (int i = 0; i < n / lb::super_block; ++i) {
        int products = 0;
        int minima = 0;
        for (int j = 0; j < 16; ++j) {
            int sum = 0;
            for (int w = j * 16; w < j * 16 + 16; ++w) {
                const int weight = x[i].qs[w / 128 * 32 + w % 32] >> (w % 128 / 32 * 2) & 3;
                sum += weight * y[i].qs[w];
            }
            products += (x[i].scales[j] & 15) * sum;
            minima += (x[i].scales[j] >> 4) * y[i].bsums[j];
        }
        total += lb::half_to_float(x[i].d) * y[i].d * static_cast<float>(products) -
                 lb::half_to_float(x[i].dmin) * y[i].d * static_cast<float>(minima);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q2_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q2_K)

#else

struct Unpack_q2_K {
    template <int step> LB_INLINE Bytes weights(const block_q2_K &x) {
        return bit_and(crumbs<step>(x.qs), splat_byte(3));
    }
};

LB_KERNEL(vec_dot_q2_K)
(int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy, size_t by, int nrc) {
    const auto *x = static_cast<const block_q2_K *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    SumFloats total = no_sums();
    SumFloats minima = no_sums();
    for (int i = 0; i < n / super_block; ++i) {
        const Sixteen both = load16(x[i].scales);
        const Ints products =
            dot_super<Unpack_q2_K, 16>(splat(0), x[i], y[i].qs, spread<16>(low_nibbles(both)));
        const ScalePair d = splat_scales(&x[i].d, y[i].d);
        total = add_scaled(total, d.scale, fold(products));
        minima = add_scaled(minima, d.minimum, dot_sums<16>(high_nibbles(both), y[i].bsums));
    }
    const float result = sum_of_difference(total, minima);
    put(s, result);
    if (!finite(result))
        lb_vec_dot_q2_K_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
