// q6_K times q8_K: per super-block d_w d_a (sum of scale_j (q - 32) a over sub-block j of 16). The
// 6-bit q stay unsigned; their offset is 32 times the sums of 16 activations that q8_K carries.

#ifndef LB_VEC_DOT_Q6_K
#define LB_VEC_DOT_Q6_K

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_q6_K_scalar(int n, float *s, size_t, const void *vx, size_t,
                                       const void *vy, size_t, int) {
    const auto *x = static_cast<const lb::block_q6_K *>(vx);
    const auto *y = static_cast<const lb::block_q8_K *>(vy);
    double total = 0;
    for (int i = 0; i < n / lb::super_block; ++i) {
        int products = 0;
        for (int w = 0; w < lb::super_block; ++w) {
            const int part = w / 128;         // of 64 bytes of ql and 32 of qh
            const int quarter = w % 128 / 32; // nibble and bits of these
            const int low = x[i].ql[part * 64 + w % 64] >> (quarter / 2 * 4) & 15;
            const int high = x[i].qh[part * 32 + w % 32] >> (quarter * 2) & 3;
            products += x[i].scales[w / 16] * (low + 16 * high - 32) * y[i].qs[w];
        }
        total += lb::half_to_float(x[i].d) * y[i].d * static_cast<float>(products);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/q6_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(q6_K)

#else

struct Unpack_q6_K {
    template <int step> LB_INLINE Bytes weights(const block_q6_K &x) {
        return six_bits<step>(x.ql, x.qh);
    }
};

LB_KERNEL(vec_dot_q6_K)
(int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy, size_t by, int nrc) {
    const auto *x = static_cast<const block_q6_K *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    SumFloats total = no_sums();
    for (int i = 0; i < n / super_block; ++i) {
        const Sixteen scales = load16(x[i].scales);
        const Ints offset = from_sums(dot_sums<16, -32>(scales, y[i].bsums));
        const Ints products = dot_super<Unpack_q6_K, 16>(offset, x[i], y[i].qs, spread<16>(scales));
        total = add_scaled(total, splat_scale(x[i].d, y[i].d), fold(products));
    }
    const float result = sum_of_sums(total);
    put(s, result);
    if (!finite(result))
        lb_vec_dot_q6_K_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
