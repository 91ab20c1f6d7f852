// q5_K times q8_K, as q4_K with a fifth bit: per super-block d_w d_a (sum of scale_j q a over
// sub-block j) - dmin d_a (sum of min_j a), where the second sum needs only the sums of 16
// activations that q8_K carries. Both sums are exact in int32; one float multiply-add each per
// super-block.

#ifndef LB_VEC_DOT_Q5_K
#define LB_VEC_DOT_Q5_K

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q5_K_scalar(int n, float *s, size_t, const void *vx, size_t,
                                       const void *vy, size_t, int) {
    const auto *x = static_cast<const lb::block_q5_K *>(vx);
    const auto *y = static_cast<const lb::block_q8_K *>(vy);
    double total = 0;
    for (int i = 0; i < n / lb::super_block; ++i) {
        int products = 0;
        int minima = 0;
        for (int j = 0; j < 8; ++j) {
            const auto [scale, min] = lb::k_scale_min(x[i].scales, j);
            int sum = 0;
            for (int l = 0; l < 32; ++l) {
                const int low = x[i].qs[j / 2 * 32 + l] >> (j % 2 * 4) & 15;
                const int weight = low + 16 * (x[i].qh[l] >> j & 1);
                sum += weight * y[i].qs[j * 32 + l];
            }
            products += scale * sum;
            minima += min * (y[i].bsums[2 * j] + y[i].bsums[2 * j + 1]);
        }
        total += lb::half_to_float(x[i].d) * y[i].d * static_cast<float>(products) -
                 lb::half_to_float(x[i].dmin) * y[i].d * static_cast<float>(minima);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q5_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q5_K)

#else

struct Unpack_q5_K {
    template <int step> LB_INLINE Bytes weights(const block_q5_K &x) {
        return bit_or(nibbles<step>(x.qs), bit_and(bit_plane<step, 4>(x.qh), splat_byte(16)));
    }
};

LB_KERNEL(vec_dot_q5_K)
(int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy, size_t by, int nrc) {
    const auto *x = static_cast<const block_q5_K *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    SumFloats total = no_sums();
    SumFloats minima = no_sums();
    for (int i = 0; i < n / super_block; ++i) {
        const Words k = k_scales(x[i].scales);
        const Ints products =
            dot_super<Unpack_q5_K, 32>(splat(0), x[i], y[i].qs, spread<32>(from_words(k.low)));
        const ScalePair d = splat_scales(&x[i].d, y[i].d);
        total = add_scaled(total, d.scale, fold(products));
        minima = add_scaled(minima, d.minimum, dot_sums<32>(from_words(k.high), y[i].bsums));
    }
    const float result = sum_of_difference(total, minima);
    put(s, result);
    if (!finite(result))
        lb_vec_dot_q5_K_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
