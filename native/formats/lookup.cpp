// iq4_nl, iq4_xs, mxfp4: four bits that stand for the values of a table.
//   iq4_nl: x = d table[q]; iq4_xs: x = d scale table[q], groups of 32 with scales of 6 bits
//   mxfp4: x = 2^(e - 128) table[q], the table being twice the values of E2M1
// mxfp4's encoding is that of ggml's quantize_row_mxfp4_ref, bit for bit.

#include "formats/codecs.hpp"
#include "formats/fit.hpp"

namespace lb {

namespace {

constexpr int weights = 32;

void pack(const std::uint8_t *indices, std::uint8_t *qs) {
    for (int i = 0; i < 16; ++i) {
        qs[i] = static_cast<std::uint8_t>(indices[i] | indices[i + 16] << 4);
    }
}

void look_up(const std::uint8_t *qs, const std::int8_t *table, float scale, float *y) {
    for (int i = 0; i < 16; ++i) {
        y[i] = static_cast<float>(table[qs[i] & 15]) * scale;
        y[i + 16] = static_cast<float>(table[qs[i] >> 4]) * scale;
    }
}

// The scale that puts the largest magnitude between 4 and 8, of which E2M1 has 4 and 6.
std::uint8_t mxfp4_scale(float magnitude) {
    if (magnitude == 0.0F)
        return 0;
    return static_cast<std::uint8_t>(std::max(std::floor(std::log2(magnitude)) + 125.0F, 0.0F));
}

// Nearest of the table's values, the first of equals.
std::uint8_t mxfp4_index(float x, float scale) {
    int best = 0;
    float least = std::fabs(x);
    for (int i = 1; i < 16; ++i) {
        const float off = std::fabs(static_cast<float>(mxfp4_values[i]) * scale - x);
        if (off < least) {
            least = off;
            best = i;
        }
    }
    return static_cast<std::uint8_t>(best);
}

int iq4_xs_scale(const block_iq4_xs &block, int j) {
    const int low = (block.scales_l[j / 2] >> (j % 2 * 4)) & 15;
    return (low | ((block.scales_h >> (2 * j)) & 3) << 4) - 32;
}

} // namespace

void encode(const float *x, block_iq4_nl &block) {
    block = {};
    if (!all_finite(x, weights)) {
        block.d = half_nan;
        return;
    }
    const Iq4Grid grid;
    block.d = float_to_half(fit_scale(x, weights, grid));
    const float per_scale = inverse(half_to_float(block.d));
    std::uint8_t indices[weights];
    for (int i = 0; i < weights; ++i) {
        indices[i] = static_cast<std::uint8_t>(grid.index(x[i] * per_scale));
    }
    pack(indices, block.qs);
}

void encode(const float *x, block_iq4_xs &block) {
    block = {};
    if (!all_finite(x, super_block)) {
        block.d = half_nan;
        return;
    }
    const ScaledGroups groups = fit_groups(x, weights, -32, Iq4Grid{});
    block.d = groups.d;
    unsigned high = 0;
    for (int j = 0; j < super_block / weights; ++j) {
        const auto bits = static_cast<unsigned>(groups.scales[j] + 32);
        high |= bits >> 4 << (2 * j);
        block.scales_l[j / 2] =
            static_cast<std::uint8_t>(block.scales_l[j / 2] | (bits & 15) << (j % 2 * 4));
        pack(groups.indices + j * weights, block.qs + j * 16);
    }
    block.scales_h = static_cast<std::uint16_t>(high);
}

void encode(const float *x, block_mxfp4 &block) {
    const float magnitude = std::fabs(largest(x, weights));
    if (!std::isfinite(magnitude)) {
        block.e = 255; // E8M0's NaN; ggml reads 2^127, with which the last value is infinite
        std::fill_n(block.qs, 16, std::uint8_t{0x77});
        return;
    }
    block.e = mxfp4_scale(magnitude);
    const float scale = e8m0_half_to_float(block.e);
    std::uint8_t indices[weights];
    for (int i = 0; i < weights; ++i)
        indices[i] = mxfp4_index(x[i], scale);
    pack(indices, block.qs);
}

void decode(const block_iq4_nl &block, float *y) {
    look_up(block.qs, iq4_values, half_to_float(block.d), y);
}

void decode(const block_iq4_xs &block, float *y) {
    const float d = half_to_float(block.d);
    for (int j = 0; j < super_block / weights; ++j) {
        const float scale = d * static_cast<float>(iq4_xs_scale(block, j));
        look_up(block.qs + j * 16, iq4_values, scale, y + j * weights);
    }
}

void decode(const block_mxfp4 &block, float *y) {
    look_up(block.qs, mxfp4_values, e8m0_half_to_float(block.e), y);
}

} // namespace lb
