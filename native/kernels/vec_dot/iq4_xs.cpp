// iq4_xs times q8_K: per super-block d_w d_a (sum of scale_j table[q] a over sub-block j of 32).

#ifndef LB_FILE_BODY_iq4_xs
#define LB_FILE_BODY_iq4_xs

#include "formats/numbers.hpp"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb::scalar {

extern "C" __attribute__((visibility("default"))) void
lb_vec_dot_iq4_xs_scalar(int n, float *s, size_t, const void *vx, size_t, const void *vy, size_t,
                         int) {
    const auto *x = static_cast<const block_iq4_xs *>(vx);
    const auto *y = static_cast<const block_q8_K *>(vy);
    float total = 0;
    for (int i = 0; i < n / super_block; ++i) {
        int products = 0;
        for (int w = 0; w < super_block; ++w) {
            const int j = w / 32;
            const int low = x[i].scales_l[j / 2] >> (j % 2 * 4) & 15;
            const int scale = low + 16 * (x[i].scales_h >> (2 * j) & 3) - 32;
            const int index = x[i].qs[j * 16 + w % 16] >> (w % 32 / 16 * 4) & 15;
            products += scale * iq4_values[index] * y[i].qs[w];
        }
        total += half_to_float(x[i].d) * y[i].d * static_cast<float>(products);
    }
    *s = total;
}

} // namespace lb::scalar

#define LB_FILE "kernels/vec_dot/iq4_xs.cpp"
#include "kernels/simd/each_isa.inc"

#define LB_ENTRY(isa, rows)                                                                        \
    lb_kernel {                                                                                    \
        "iq4_xs", LB_VEC_DOT, #isa, 0, {                                                           \
            .vec_dot = lb::isa::lb_vec_dot_iq4_xs_##isa                                            \
        }                                                                                          \
    }
static const lb::Register registration{LB_ENTRY(scalar, 0), LB_EACH_ISA(LB_ENTRY)};
#undef LB_ENTRY

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
    Floats total = zero();
    for (int i = 0; i < n / super_block; ++i) {
        const Scales scales = spread<32>(minus_32(from_words(iq4_scales(x[i]))));
        const Ints products = dot_super_signed<Unpack_iq4_xs, 32>(splat(0), x[i], y[i].qs, scales);
        total = fma(splat_scale(&x[i].d, &y[i].d), to_floats(products), total);
    }
    *s = sum(total);
    if (!finite(*s))
        scalar::lb_vec_dot_iq4_xs_scalar(n, s, bs, vx, bx, vy, by, nrc);
}

#endif
