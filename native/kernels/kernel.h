/* The micro-kernels' interface: plain C, with ggml's data layouts and ggml's own signatures, so
 * that a kernel can stand in for ggml's and both can be timed by the same loop.
 *
 * Weights are rows of n values in a block format (see formats/format.h); activations are rows of
 * the format that belongs to it. Every function is thread-safe, keeps no state, allocates nothing,
 * and reads and writes only the bytes of its arguments. No pointer has to be aligned; packed
 * weights aligned to 64 bytes are read fastest.
 *
 * Weights may have any bits. Quantized activations are -127..127, as ggml makes them: -128 gives a
 * wrong result with some instruction sets. Errors are at most 1e-5 of the sum of the absolute
 * terms, which kernel_check tests in rows of up to 131072 values. A row of 0 values has the dot
 * product 0. */

#ifndef LLAMABUILD_KERNEL_H
#define LLAMABUILD_KERNEL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* s[0] = dot product of weight row vx and activation row vy, n values each. The strides bs, bx and
 * by belong to ggml's signature and are not used; nrc (rows at a time) is 1. */
typedef void (*lb_vec_dot)(int n, float *s, size_t bs, const void *vx, size_t bx, const void *vy,
                           size_t by, int nrc);

/* For each of nr activation rows c (one after the other in vy) and each of nc weight rows r (packed
 * in vx, see lb_packing): s[c * bs + r] = dot product of row r and activation c. gemv: nr is 1. */
typedef void (*lb_gemm)(int n, float *s, size_t bs, const void *vx, const void *vy, int nr, int nc);

typedef enum lb_shape { LB_VEC_DOT, LB_GEMV, LB_GEMM } lb_shape;

typedef struct lb_kernel {
    const char *format; /* weight format, such as q4_K */
    lb_shape shape;
    const char *isa; /* name of an entry of lb_isas() */
    int panel_rows;  /* rows that are interleaved; 0 for vec_dot */
    union {
        lb_vec_dot vec_dot;
        lb_gemm gemm; /* gemv too */
    } run;
} lb_kernel;

/* An interleaved layout: panel_rows rows side by side, so that one load brings the same four
 * weights of each. It takes as many bytes as the rows themselves; when nc is not a multiple of
 * panel_rows, rows of zero weights fill the last panel. */
typedef struct lb_packing {
    const char *format;
    int panel_rows;
    /* nc rows of n weights, row r at rows + r * row bytes, into packed and back. */
    void (*pack)(int n, int nc, const void *rows, void *packed);
    void (*unpack)(int n, int nc, const void *packed, void *rows);
} lb_packing;

/* An instruction set that kernels are written for. */
typedef struct lb_isa {
    const char *name;
    const char *description;
    const char *features; /* what the CPU must have, by name, separated by spaces */
} lb_isa;

const lb_isa *lb_isas(size_t *count);
const lb_kernel *lb_kernels(size_t *count);
const lb_packing *lb_packings(size_t *count);

#ifdef __cplusplus
}
#endif

#endif
