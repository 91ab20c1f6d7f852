// q2_K, q4_K, q5_K: 256 weights in groups of 16 (q2_K) or 32, with a scale and a minimum each.
//   x = d scale q - dmin min
// Scales and minima have 4 bits in q2_K and 6 in the others.

#include "formats/codecs.hpp"
#include "formats/fit.hpp"
#include "formats/packing.hpp"

namespace lb {

namespace {

// Weight i of q4_K and q5_K: the byte and the shift of its low four bits.
int nibble_byte(int i) {
    return i / 64 * 32 + i % 32;
}
int nibble_shift(int i) {
    return i / 32 % 2 * 4;
}

} // namespace

void encode(const float *x, block_q2_K &block) {
    block = {};
    if (!all_finite(x, super_block)) {
        block.d = half_nan;
        return;
    }
    const AffineGroups groups = fit_affine_groups(x, 16, 3, 15);
    block.d = groups.d;
    block.dmin = groups.dmin;
    for (int j = 0; j < 16; ++j) {
        block.scales[j] = static_cast<std::uint8_t>(groups.scales[j] | groups.mins[j] << 4);
    }
    for (int i = 0; i < super_block; ++i)
        put(block.qs[pair_byte(i)], groups.levels[i], pair_shift(i));
}

void encode(const float *x, block_q4_K &block) {
    block = {};
    if (!all_finite(x, super_block)) {
        block.d = half_nan;
        return;
    }
    const AffineGroups groups = fit_affine_groups(x, 32, 15, 63);
    block.d = groups.d;
    block.dmin = groups.dmin;
    for (int j = 0; j < 8; ++j) {
        put_k_scale_min(block.scales, j, groups.scales[j], groups.mins[j]);
    }
    for (int i = 0; i < super_block; ++i) {
        put(block.qs[nibble_byte(i)], groups.levels[i], nibble_shift(i));
    }
}

void encode(const float *x, block_q5_K &block) {
    block = {};
    if (!all_finite(x, super_block)) {
        block.d = half_nan;
        return;
    }
    const AffineGroups groups = fit_affine_groups(x, 32, 31, 63);
    block.d = groups.d;
    block.dmin = groups.dmin;
    for (int j = 0; j < 8; ++j) {
        put_k_scale_min(block.scales, j, groups.scales[j], groups.mins[j]);
    }
    for (int i = 0; i < super_block; ++i) {
        put(block.qs[nibble_byte(i)], groups.levels[i] & 15, nibble_shift(i));
        put(block.qh[i % 32], groups.levels[i] >> 4, i / 32);
    }
}

void decode(const block_q2_K &block, float *y) {
    const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
    for (int i = 0; i < super_block; ++i) {
        const int pair = block.scales[i / 16];
        const float scale = d * static_cast<float>(pair & 15);
        const float min = dmin * static_cast<float>(pair >> 4);
        y[i] = scale * static_cast<float>((block.qs[pair_byte(i)] >> pair_shift(i)) & 3) - min;
    }
}

void decode(const block_q4_K &block, float *y) {
    const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
    for (int i = 0; i < super_block; ++i) {
        const ScaleMin pair = k_scale_min(block.scales, i / 32);
        const int q = (block.qs[nibble_byte(i)] >> nibble_shift(i)) & 15;
        y[i] = d * pair.scale * static_cast<float>(q) - dmin * pair.min;
    }
}

void decode(const block_q5_K &block, float *y) {
    const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
    for (int i = 0; i < super_block; ++i) {
        const ScaleMin pair = k_scale_min(block.scales, i / 32);
        const int q = ((block.qs[nibble_byte(i)] >> nibble_shift(i)) & 15) |
                      ((block.qh[i % 32] >> (i / 32)) & 1) << 4;
        y[i] = d * pair.scale * static_cast<float>(q) - dmin * pair.min;
    }
}

} // namespace lb
