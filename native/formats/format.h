/* The formats of weights and activations: ggml's block layouts, bit for bit. */

#ifndef LLAMABUILD_FORMAT_H
#define LLAMABUILD_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lb_format {
    const char *name;
    int block_weights;      /* weights in one block; a row's length is a multiple of it */
    size_t block_bytes;     /* bytes of one block */
    const char *activation; /* format of the activations of its dot products; NULL if it has none */
    /* Reference conversions of n values (a multiple of block_weights), scalar code. */
    void (*quantize)(const float *values, void *blocks, int64_t n);
    void (*dequantize)(const void *blocks, float *values, int64_t n);
} lb_format;

const lb_format *lb_formats(size_t *count);

/* The format of that name, or NULL. */
const lb_format *lb_find_format(const char *name);

#ifdef __cplusplus
}
#endif

#endif
