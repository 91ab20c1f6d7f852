// q3_K times q8_K: per super-block d_w d_a (sum of scale_j (q - 4) a over sub-block j of 16). The
// 3-bit q stay unsigned; their offset is 4 times the sums of 16 activations that q8_K carries.

#ifndef LB_VEC_DOT_Q3_K
#define LB_VEC_DOT_Q3_K

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q3_K_scalar(int n, float *s, size_t, const void *vx, size_t,
                                       const void *vy, size_t, int) {
    const auto *x = static_cast<const lb::block_q3_K *>(vx);
    const auto *y = static_cast<const lb::block_q8_K *>(vy);
    double total = 0;
    for (int i = 0; i < n / lb::super_block; ++i) {
        int products = 0;
        for (int w = 0; w < lb::super_block; ++w) {
            const int j = w / 16;
            const int low = x[i].qs[w / 128 * 32 + w % 32] >> (w % 128 / 32 * 2) & 3;
            const int high = x[i].hmask[w % 32] >> (w / 32) & 1;
            const int scale_low = x[i].scales[j % 8] >> (j / 8 * 4) & 15;
            const int scale_high = x[i].scales[8 + j % 4] >> (j / 4 * 2) & 3;
            products += (scale_low + 16 * scale_high - 32) * (low + 4 * high - 4) * y[i].qs[w];
        }
        total += lb::half_to_float(x[i].d) * y[i].d * static_cast<float>(products);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q3_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q3_K)

#else

struct Unpack_q3_K {
    template <int step> LB_INLINE Bytes weights(const block_q3_K &x) {
        return bit_and(select(splat_byte(3), crumbs<step>(x.qs), bit_plane<step, 2>(x.hmask)),
                       splat_byte(7));
    }
};

LB_KERNEL(vec_dot_q3_K)
(int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy, size_t by, int nrc) {
    const auto *x = static_cast<const block_q3_K *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    SumFloats total = no_sums();
    for (int i = 0; i < n / super_block; ++i) {
        const Words words = q3_scales(x[i].scales);
        const Sixteen scales = minus_32(from_words(words.low, words.high));
        const Ints offset = from_sums(dot_sums<16, -4>(scales, y[i].bsums));
        const Ints products = dot_super<Unpack_q3_K, 16>(offset, x[i], y[i].qs, spread<16>(scales));
        total = add_scaled(total, splat_scale(x[i].d, y[i].d), fold(products));
    }
    const float result = sum_of_sums(total);
    put(s, result);
    if (!finite(result))
        lb_vec_dot_q3_K_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
