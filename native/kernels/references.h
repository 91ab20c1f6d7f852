/* The scalar dot products: one for each format, the reference for all other kernels. Plain loops in
 * the order of the formula in each one's file. */

#ifndef LLAMABUILD_REFERENCES_H
#define LLAMABUILD_REFERENCES_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LB_REFERENCE(format)                                                                       \
    __attribute__((visibility("default"))) void lb_vec_dot_##format##_scalar(                      \
        int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy, size_t by, int nrc)

LB_REFERENCE(q4_0);
LB_REFERENCE(q4_1);
LB_REFERENCE(q5_0);
LB_REFERENCE(q5_1);
LB_REFERENCE(q8_0);
LB_REFERENCE(q2_K);
LB_REFERENCE(q3_K);
LB_REFERENCE(q4_K);
LB_REFERENCE(q5_K);
LB_REFERENCE(q6_K);
LB_REFERENCE(iq4_nl);
LB_REFERENCE(iq4_xs);
LB_REFERENCE(mxfp4);
LB_REFERENCE(f16);
LB_REFERENCE(bf16);
LB_REFERENCE(f32);

#ifdef __cplusplus
}
#endif

#endif
