// q3_K times q8_K: per super-block d_w d_a (sum of scale_j (q - 4) a over sub-block j of 16). The
// 3-bit q stay unsigned; their offset is 4 times the sums of 16 activations that q8_K carries.

#ifndef LB_FILE_BODY_q3_K
#define LB_FILE_BODY_q3_K

#include "formats/numbers.hpp"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb::scalar {

extern "C" __attribute__((visibility("default"))) void
lb_vec_dot_q3_K_scalar(int n, float *s, size_t, const void *vx, size_t, const void *vy, size_t,
                       int) {
    const auto *x = static_cast<const block_q3_K *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    float total = 0;
    for (int i = 0; i < n / super_block; ++i) {
        int products = 0;
        for (int w = 0; w < super_block; ++w) {
            const int j = w / 16;
            const int low = x[i].qs[w / 128 * 32 + w % 32] >> (w % 128 / 32 * 2) & 3;
            const int high = x[i].hmask[w % 32] >> (w / 32) & 1;
            const int scale_low = x[i].scales[j % 8] >> (j / 8 * 4) & 15;
            const int scale_high = x[i].scales[8 + j % 4] >> (j / 4 * 2) & 3;
            products += (scale_low + 16 * scale_high - 32) * (low + 4 * high - 4) * y[i].qs[w];
        }
        total += half_to_float(x[i].d) * y[i].d * static_cast<float>(products);
    }
    *s = total;
}

} // namespace lb::scalar

#define LB_FILE "kernels/vec_dot/q3_K.cpp"
#include "kernels/simd/each_isa.inc"

#define LB_ENTRY(isa, rows)                                                                        \
    lb_kernel {                                                                                    \
        "q3_K", LB_VEC_DOT, #isa, 0, {                                                             \
            .vec_dot = lb::isa::lb_vec_dot_q3_K_##isa                                              \
        }                                                                                          \
    }
static const lb::Register registration{LB_ENTRY(scalar, 0), LB_EACH_ISA(LB_ENTRY)};
#undef LB_ENTRY

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
    Floats total = zero();
    for (int i = 0; i < n / super_block; ++i) {
        const Words words = q3_scales(x[i].scales);
        const Sixteen scales = minus_32(from_words(words.low, words.high));
        const Ints offset = from_sums(dot_sums<16, -4>(scales, y[i].bsums));
        const Ints products = dot_super<Unpack_q3_K, 16>(offset, x[i], y[i].qs, spread<16>(scales));
        total = fma(splat_scale(&x[i].d, &y[i].d), to_floats(products), total);
    }
    *s = sum(total);
    if (!finite(*s))
        scalar::lb_vec_dot_q3_K_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
