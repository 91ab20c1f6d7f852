// Panels of the formats with 32 weights and one scale a block: the quants of all blocks, then the
// scales of all blocks, side by side, so that the quants stay aligned to cache lines.
//
//   q[blocks][bytes / 4][rows][4], d[blocks][rows]

#pragma once

#include "formats/blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lb {

template <int bytes, int rows> std::uint8_t *quant_group(std::uint8_t *panel, int b, int g, int r) {
    return panel + (static_cast<std::size_t>(b) * bytes + 4 * g) * rows + 4 * r;
}

template <int bytes, int rows>
const std::uint8_t *scale_row(const std::uint8_t *panel, int blocks, int b) {
    return panel +
           (static_cast<std::size_t>(blocks) * bytes + 2 * static_cast<std::size_t>(b)) * rows;
}

// A block {half d; bytes of quants}; the quants are stored with the bits of `flip` inverted.
template <class Block_, lb_vec_dot reference_, std::uint8_t flip = 0> struct SmallLayout {
    using Block = Block_;
    using Activation = block_q8_0;
    static constexpr int weights = 32;
    static constexpr int bytes = sizeof(Block::qs);
    static constexpr lb_vec_dot reference = reference_;

    template <int rows>
    static void put(const Block &in, std::uint8_t *panel, int blocks, int b, int r) {
        std::uint8_t quants[bytes];
        std::memcpy(quants, in.qs, bytes);
        for (int i = 0; i < bytes; ++i) {
            quant_group<bytes, rows>(panel, b, i / 4, r)[i % 4] = quants[i] ^ flip;
        }
        std::memcpy(const_cast<std::uint8_t *>(scale_row<bytes, rows>(panel, blocks, b)) + 2 * r,
                    &in.d, 2);
    }

    template <int rows>
    static void get(Block &out, const std::uint8_t *panel, int blocks, int b, int r) {
        std::uint8_t quants[bytes];
        for (int i = 0; i < bytes; ++i) {
            quants[i] =
                quant_group<bytes, rows>(const_cast<std::uint8_t *>(panel), b, i / 4, r)[i % 4] ^
                flip;
        }
        std::memcpy(out.qs, quants, bytes);
        std::memcpy(&out.d, scale_row<bytes, rows>(panel, blocks, b) + 2 * r, 2);
    }
};

} // namespace lb
