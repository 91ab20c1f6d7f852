// q4_0, q4_1, q5_0, q5_1: 32 weights of 4 or 5 bits under one scale, with a minimum in the _1 ones.
//   q4_0, q5_0: x = d (q - 2^(bits-1)); the value of largest magnitude lies on q = 0
//   q4_1, q5_1: x = d q + m; least and greatest value lie on the first and the last q
// Encodings are those of ggml's quantize_row_*_ref, bit for bit.

#include "formats/codecs.hpp"
#include "formats/numbers.hpp"
#include "formats/rounding.hpp"

namespace lb {

namespace {

constexpr int weights = 32;
constexpr int pairs = weights / 2;

// x + 1/2, truncated, within 0..top: rounds what is not negative, ties upward.
std::uint8_t level(float x, int top) {
    if (std::isnan(x))
        return 0;
    return static_cast<std::uint8_t>(std::clamp(x, 0.0F, static_cast<float>(top)));
}

// Returns d.
float symmetric(const float *x, int bits, std::uint8_t *levels) {
    const int zero = 1 << (bits - 1);
    const float d = largest(x, weights) / static_cast<float>(-zero);
    const float scale = inverse(d);
    for (int i = 0; i < weights; ++i) {
        levels[i] = level(x[i] * scale + (static_cast<float>(zero) + 0.5F), 2 * zero - 1);
    }
    return d;
}

struct Line {
    float d, m;
};

Line affine(const float *x, int bits, std::uint8_t *levels) {
    const int top = (1 << bits) - 1;
    const Range all = range(x, weights);
    const float d = (all.high - all.low) / static_cast<float>(top);
    const float scale = inverse(d);
    for (int i = 0; i < weights; ++i)
        levels[i] = level((x[i] - all.low) * scale + 0.5F, top);
    return {d, all.low};
}

void pack_low(const std::uint8_t *levels, std::uint8_t *qs) {
    for (int i = 0; i < pairs; ++i) {
        qs[i] = static_cast<std::uint8_t>((levels[i] & 15) | (levels[i + pairs] & 15) << 4);
    }
}

void pack_fifth(const std::uint8_t *levels, std::uint8_t *qh) {
    for (int i = 0; i < weights; ++i) {
        qh[i / 8] = static_cast<std::uint8_t>(qh[i / 8] | (levels[i] >> 4) << (i % 8));
    }
}

int low(const std::uint8_t *qs, int i) {
    return i < pairs ? qs[i] & 15 : qs[i - pairs] >> 4;
}

int fifth(const std::uint8_t *qh, int i) {
    return ((qh[i / 8] >> (i % 8)) & 1) << 4;
}

} // namespace

void encode(const float *x, block_q4_0 &block) {
    std::uint8_t levels[weights];
    block.d = float_to_half(symmetric(x, 4, levels));
    pack_low(levels, block.qs);
}

void encode(const float *x, block_q4_1 &block) {
    std::uint8_t levels[weights];
    const Line line = affine(x, 4, levels);
    block.d = float_to_half(line.d);
    block.m = float_to_half(line.m);
    pack_low(levels, block.qs);
}

void encode(const float *x, block_q5_0 &block) {
    std::uint8_t levels[weights];
    block = {};
    block.d = float_to_half(symmetric(x, 5, levels));
    pack_low(levels, block.qs);
    pack_fifth(levels, block.qh);
}

void encode(const float *x, block_q5_1 &block) {
    std::uint8_t levels[weights];
    const Line line = affine(x, 5, levels);
    block = {};
    block.d = float_to_half(line.d);
    block.m = float_to_half(line.m);
    pack_low(levels, block.qs);
    pack_fifth(levels, block.qh);
}

void decode(const block_q4_0 &block, float *y) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < weights; ++i)
        y[i] = static_cast<float>(low(block.qs, i) - 8) * d;
}

void decode(const block_q4_1 &block, float *y) {
    const float d = half_to_float(block.d), m = half_to_float(block.m);
    for (int i = 0; i < weights; ++i)
        y[i] = static_cast<float>(low(block.qs, i)) * d + m;
}

void decode(const block_q5_0 &block, float *y) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < weights; ++i) {
        y[i] = static_cast<float>((low(block.qs, i) | fifth(block.qh, i)) - 16) * d;
    }
}

void decode(const block_q5_1 &block, float *y) {
    const float d = half_to_float(block.d), m = half_to_float(block.m);
    for (int i = 0; i < weights; ++i) {
        y[i] = static_cast<float>(low(block.qs, i) | fifth(block.qh, i)) * d + m;
    }
}

} // namespace lb
