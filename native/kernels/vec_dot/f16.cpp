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
    for (int i = 0; i < n; ++i)
        total += static_cast<double>(lb::half_to_float(x[i])) * lb::half_to_float(y[i]);
    *s = static_cast<float>(total);
}

#define LB_FILE "kernels/vec_dot/f16.cpp"
#include "kernels/simd/each_isa.inc"

LB_REGISTER_VEC_DOT(f16)

#else

using Number = half;

LB_INLINE void accumulate(const Number *x, const Number *y, Floats (&sums)[2]) {
    sums[0] = fma(load_f16(x), load_f16(y), sums[0]);
    sums[1] = fma(load_f16(x + lanes), load_f16(y + lanes), sums[1]);
}

#include "kernels/vec_dot/floats.inc"

LB_KERNEL(vec_dot_f16)
(int n, float *s, std::size_t, const void *vx, std::size_t, const void *vy, std::size_t, int) {
    walk(n, s, vx, vy);
}

#endif
