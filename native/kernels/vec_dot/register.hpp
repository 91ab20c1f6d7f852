// LB_REGISTER_VEC_DOT(format) registers the scalar dot product of a format and those that
// each_isa.inc compiled.

#pragma once

#include "kernels/registry.hpp"

#define LB_VEC_DOT_ENTRY(format, set)                                                              \
    lb_kernel {                                                                                    \
        #format, LB_VEC_DOT, #set, 0, {                                                            \
            .vec_dot = lb::set::lb_vec_dot_##format##_##set                                        \
        }                                                                                          \
    }

#if defined(__x86_64__)
#define LB_REGISTER_VEC_DOT(format)                                                                \
    static const lb::Register lb_register_##format{                                                \
        {{#format, LB_VEC_DOT, "scalar", 0, {.vec_dot = lb_vec_dot_##format##_scalar}},            \
         LB_VEC_DOT_ENTRY(format, avx2),                                                           \
         LB_VEC_DOT_ENTRY(format, avxvnni),                                                        \
         LB_VEC_DOT_ENTRY(format, avx512),                                                         \
         LB_VEC_DOT_ENTRY(format, avx512vnni)}};
#elif defined(__aarch64__)
#define LB_REGISTER_VEC_DOT(format)                                                                \
    static const lb::Register lb_register_##format{                                                \
        {{#format, LB_VEC_DOT, "scalar", 0, {.vec_dot = lb_vec_dot_##format##_scalar}},            \
         LB_VEC_DOT_ENTRY(format, neon),                                                           \
         LB_VEC_DOT_ENTRY(format, dotprod),                                                        \
         LB_VEC_DOT_ENTRY(format, i8mm)}};
#else
#define LB_REGISTER_VEC_DOT(format)                                                                \
    static const lb::Register lb_register_##format{                                                \
        {{#format, LB_VEC_DOT, "scalar", 0, {.vec_dot = lb_vec_dot_##format##_scalar}}}};
#endif
