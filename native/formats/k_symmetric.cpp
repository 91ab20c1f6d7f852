// q3_K, q6_K: 256 weights in groups of 16 with a scale each and no minimum.
//   x = d scale q, q within -4..3 (q3_K) or -32..31 (q6_K); stored is q - lowest q
// Scales are within -32..31 in q3_K, plus 32 in 6 bits, and bytes in q6_K.

#include "formats/codecs.hpp"
#include "formats/fit.hpp"
#include "formats/packing.hpp"

namespace lb {

namespace {

// Weight i of q6_K: the byte and the shift of its low four bits.
int nibble_byte(int i) {
    return i / 128 * 64 + i % 64;
}
int nibble_shift(int i) {
    return i / 64 % 2 * 4;
}

} // namespace

void encode(const float *x, block_q3_K &block) {
    block = {};
    if (!all_finite(x, super_block)) {
        block.d = half_nan;
        return;
    }
    const ScaledGroups groups = fit_groups(x, 16, -32, IntegerGrid{-4, 3});
    block.d = groups.d;
    for (int j = 0; j < 16; ++j)
        put_q3_scale(block.scales, j, groups.scales[j]);
    for (int i = 0; i < super_block; ++i) {
        put(block.qs[pair_byte(i)], groups.indices[i] & 3, pair_shift(i));
        put(block.hmask[i % 32], groups.indices[i] >> 2, i / 32);
    }
}

void encode(const float *x, block_q6_K &block) {
    block = {};
    if (!all_finite(x, super_block)) {
        block.d = half_nan;
        return;
    }
    const ScaledGroups groups = fit_groups(x, 16, -128, IntegerGrid{-32, 31});
    block.d = groups.d;
    for (int j = 0; j < 16; ++j)
        block.scales[j] = static_cast<std::int8_t>(groups.scales[j]);
    for (int i = 0; i < super_block; ++i) {
        put(block.ql[nibble_byte(i)], groups.indices[i] & 15, nibble_shift(i));
        put(block.qh[pair_byte(i)], groups.indices[i] >> 4, pair_shift(i));
    }
}

void decode(const block_q3_K &block, float *y) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < super_block; ++i) {
        const float scale = d * static_cast<float>(q3_scale(block.scales, i / 16));
        const int low = (block.qs[pair_byte(i)] >> pair_shift(i)) & 3;
        const int high = (block.hmask[i % 32] >> (i / 32)) & 1;
        y[i] = scale * static_cast<float>((low | high << 2) - 4);
    }
}

void decode(const block_q6_K &block, float *y) {
    const float d = half_to_float(block.d);
    for (int i = 0; i < super_block; ++i) {
        const int low = (block.ql[nibble_byte(i)] >> nibble_shift(i)) & 15;
        const int high = (block.qh[pair_byte(i)] >> pair_shift(i)) & 3;
        y[i] = d * static_cast<float>(block.scales[i / 16]) *
               static_cast<float>((low | high << 4) - 32);
    }
}

} // namespace lb
