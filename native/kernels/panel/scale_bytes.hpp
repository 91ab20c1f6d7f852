// The 12 bytes of q4_K's and q5_K's scales and minima, in panels: see q4_K.cpp for the order.

#pragma once

#include "formats/numbers.hpp"

#include <cstdint>

namespace lb {

// Where value j (0..3) of row r lies: scales one after the other, minima in pairs.
template <int rows> constexpr int scale_place(int j, int r) {
    return j * rows + r;
}
template <int rows> constexpr int min_place(int j, int r) {
    return j / 2 * 2 * rows + 2 * r + j % 2;
}

template <int rows> void pack_scale_bytes(const std::uint8_t in[12], std::uint8_t *out, int r) {
    std::uint8_t *b0 = out, *b1 = out + 4 * rows, *b2 = out + 8 * rows;
    for (int j = 0; j < 4; ++j) {
        const ScaleMin a = k_scale_min(in, j), b = k_scale_min(in, j + 4);
        const int s = scale_place<rows>(j, r), m = min_place<rows>(j, r);
        b0[s] = static_cast<std::uint8_t>(a.scale | b.scale >> 4 << 6);
        b1[m] = static_cast<std::uint8_t>(a.min | b.min >> 4 << 6);
        b2[s] = static_cast<std::uint8_t>((b2[s] & 0xF0) | (b.scale & 15));
        b2[m] = static_cast<std::uint8_t>((b2[m] & 0x0F) | b.min << 4);
    }
}

template <int rows> void unpack_scale_bytes(const std::uint8_t *in, std::uint8_t out[12], int r) {
    const std::uint8_t *b0 = in, *b1 = in + 4 * rows, *b2 = in + 8 * rows;
    for (int j = 0; j < 4; ++j) {
        const int s = scale_place<rows>(j, r), m = min_place<rows>(j, r);
        out[j] = b0[s];
        out[j + 4] = b1[m];
        out[j + 8] = static_cast<std::uint8_t>((b2[s] & 15) | (b2[m] & 0xF0));
    }
}

} // namespace lb
