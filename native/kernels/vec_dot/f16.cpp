// f16 weights against f16 activations: each widened to f32, which is exact, and summed in f32; the
// reference sums in double, as ggml's generic one does.

#ifndef LB_VEC_DOT_F16
#define LB_VEC_DOT_F16

#include "formats/numbers.hpp"
#include "kernels/references.h"
#include "kernels/simd/intrinsics.hpp"
#include "kernels/vec_dot/register.hpp"

extern "C" void lb_vec_dot_f16_scalar(int n, float *s, std::size_t, const void *vx, std::size_t,
                                      const void *vy, std::size_t, int) {
    const auto *x = static_cast<const lb::half *>(vx);
    const auto *y = static_cast<const lb::half *>(vy);
    double total = 0;
    for (int i = 0; i < n; ++i) {
        lb::half a, b; // copied, because rows may lie at any address
        std::memcpy(&a, x + i, sizeof a);
        std::memcpy(&b, y + i, sizeof b);
        total += static_cast<double>(lb::half_to_float(a)) * lb::half_to_float(b);
    }
    lb::put(s, static_cast<float>(total));
}

#define LB_FILE "kernels/vec_dot/f16.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(f16)

#else

using Number = half;

LB_INLINE void accumulate(const Number *x, const Number *y, Floats (&sums)[2]) {
    sums[0] = fma(load_halves(x), load_halves(y), sums[0]);
    sums[1] = fma(load_halves(x + lanes), load_halves(y + lanes), sums[1]);
}

#include "kernels/vec_dot/floats.inc"

LB_KERNEL(vec_dot_f16)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
