// q8_0, q8_1, q8_K: bytes under one scale, x = d q, which are what activations are rounded to
// before a dot product; q8_1 and q8_K carry sums of q for weights that have a minimum. q8_0 is a
// weight format too. Encodings are those of ggml's quantize_row_*_ref, bit for bit.

#include "formats/codecs.hpp"
#include "formats/numbers.hpp"
#include "formats/rounding.hpp"

#include <limits>

namespace lb {

namespace {

constexpr int weights = 32;
constexpr int sum_group = 16; // values in one of q8_K's sums

// Returns d; the largest magnitude lies on 127.
float to_bytes(const float *x, std::int8_t *qs) {
    const float d = std::fabs(largest(x, weights)) / 127.0F;
    const float scale = inverse(d);
    for (int i = 0; i < weights; ++i) {
        qs[i] = static_cast<std::int8_t>(nearest_away(x[i] * scale, -127, 127));
    }
    return d;
}

void from_bytes(const std::int8_t *qs, int n, float d, float *y) {
    for (int i = 0; i < n; ++i)
        y[i] = static_cast<float>(qs[i]) * d;
}

int sum(const std::int8_t *qs, int n) {
    int total = 0;
    for (int i = 0; i < n; ++i)
        total += qs[i];
    return total;
}

} // namespace

void encode(const float *x, block_q8_0 &block) {
    block.d = float_to_half(to_bytes(x, block.qs));
}

void encode(const float *x, block_q8_1 &block) {
    const float d = to_bytes(x, block.qs);
    block.d = float_to_half(d);
    block.s = float_to_half(static_cast<float>(sum(block.qs, weights)) * d);
}

void encode(const float *x, block_q8_K &block) {
    block = {};
    const float extreme = largest(x, super_block);
    if (!std::isfinite(extreme)) {
        block.d = std::numeric_limits<float>::quiet_NaN();
        return;
    }
    const float scale = -127.0F / extreme; // the largest magnitude lies on -127
    if (!std::isfinite(scale))
        return; // zeros, or so small that they become zeros
    for (int i = 0; i < super_block; ++i) {
        block.qs[i] = static_cast<std::int8_t>(nearest(x[i] * scale, -127, 127));
    }
    for (int j = 0; j < super_block / sum_group; ++j) {
        block.bsums[j] = static_cast<std::int16_t>(sum(block.qs + j * sum_group, sum_group));
    }
    block.d = 1.0F / scale;
}

void decode(const block_q8_0 &block, float *y) {
    from_bytes(block.qs, weights, half_to_float(block.d), y);
}

void decode(const block_q8_1 &block, float *y) {
    from_bytes(block.qs, weights, half_to_float(block.d), y);
}

void decode(const block_q8_K &block, float *y) {
    from_bytes(block.qs, super_block, block.d, y);
}

} // namespace lb
