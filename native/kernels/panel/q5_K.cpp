// q5_K weights, interleaved in panels, against q8_K activations: as q4_K with 5 bits.
//
//   w = d * scale_j * q - dmin * min_j      j: 32 weights;   y = d_a * a
//
// Per panel and block of 256 (rows: those of the panel):
//   d[rows], dmin[rows], scales             as in q4_K
//   q[8][5][rows][4]                        group g of each of the 8 times 32 weights in 5 bytes:
//
// Of the eight values x0..x7 of 5 bits that 5 bytes hold, x0..x4 are their low 5 bits. The top 3
// bits are, from the fifth up: x5 0..2 | x6 0..2 | x7 0..2 | x7 3, x5 3, x5 4 | x7 4, x6 3, x6 4.
// This costs fewer instructions than a plane of nibbles and a plane of fifth bits.

#ifndef LB_PANEL_Q5_K
#define LB_PANEL_Q5_K

#include "formats/blocks.hpp"
#include "kernels/panel/packing.hpp"
#include "kernels/panel/scale_bytes.hpp"
#include "kernels/references.h"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb {
namespace {

template <int rows> struct LB_ANYWHERE PanelQ5K {
    half d[rows], dmin[rows];
    std::uint8_t scales[12 * rows];
    std::uint8_t q[8][5][rows][4];
};
static_assert(sizeof(PanelQ5K<16>) == 16 * sizeof(block_q5_K));

int value(const block_q5_K &in, int j, int l) {
    const int nibble = in.qs[j / 2 * 32 + l] >> (j % 2 * 4) & 15;
    return nibble | (in.qh[l] >> j & 1) << 4;
}

void set_value(block_q5_K &out, int j, int l, int x) {
    out.qs[j / 2 * 32 + l] |= static_cast<std::uint8_t>((x & 15) << (j % 2 * 4));
    out.qh[l] |= static_cast<std::uint8_t>((x >> 4) << j);
}

struct LayoutQ5K {
    using Block = block_q5_K;
    using Activation = block_q8_K;
    static constexpr int weights = 256;
    static constexpr lb_vec_dot reference = lb_vec_dot_q5_K_scalar;

    template <int rows> static void put(const Block &in, std::uint8_t *panel, int, int b, int r) {
        auto &out = reinterpret_cast<PanelQ5K<rows> *>(panel)[b];
        out.d[r] = in.d;
        out.dmin[r] = in.dmin;
        pack_scale_bytes<rows>(in.scales, out.scales, r);
        for (int l = 0; l < 32; ++l) {
            int x[8];
            for (int j = 0; j < 8; ++j)
                x[j] = value(in, j, l);
            const int top[5] = {x[5] & 7, x[6] & 7, x[7] & 7, (x[7] >> 3 & 1) | x[5] >> 3 << 1,
                                x[7] >> 4 | x[6] >> 3 << 1};
            for (int v = 0; v < 5; ++v) {
                out.q[l / 4][v][r][l % 4] = static_cast<std::uint8_t>(x[v] | top[v] << 5);
            }
        }
    }

    template <int rows> static void get(Block &out, const std::uint8_t *panel, int, int b, int r) {
        const auto &in = reinterpret_cast<const PanelQ5K<rows> *>(panel)[b];
        out = {};
        out.d = in.d[r];
        out.dmin = in.dmin[r];
        unpack_scale_bytes<rows>(in.scales, out.scales, r);
        for (int l = 0; l < 32; ++l) {
            int low[5], top[5];
            for (int v = 0; v < 5; ++v) {
                low[v] = in.q[l / 4][v][r][l % 4] & 31;
                top[v] = in.q[l / 4][v][r][l % 4] >> 5;
            }
            for (int j = 0; j < 5; ++j)
                set_value(out, j, l, low[j]);
            set_value(out, 5, l, top[0] | top[3] >> 1 << 3);
            set_value(out, 6, l, top[1] | top[4] >> 1 << 3);
            set_value(out, 7, l, top[2] | (top[3] & 1) << 3 | (top[4] & 1) << 4);
        }
    }
};

} // namespace
} // namespace lb

#define LB_FILE "kernels/panel/q5_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_PANELS(q5_K, lb::LayoutQ5K)

#else

using Activation = block_q8_K;
using Panel = PanelQ5K<lanes>;
inline constexpr int block = 256;
inline constexpr int weight_bytes = sizeof(block_q5_K);
inline constexpr int gemv_panels = 1; // eight sums each
inline constexpr int gemm_columns = lanes == 16 ? 2 : 1;

#include "kernels/panel/scales_and_minima.inc"

// The eight times four weights a row of one group.
LB_INLINE void unpack_group(const std::uint8_t *q, Bytes (&x)[8]) {
    const Bytes low5 = splat_byte(31), low3 = splat_byte(7);
    Bytes v[5];
    for (int i = 0; i < 5; ++i) {
        v[i] = load(q + i * width);
        x[i] = bit_and(v[i], low5);
    }
    x[5] = bit_and(select(low3, shift_right<5>(v[0]), shift_right<3>(v[3])), low5);
    x[6] = bit_and(select(low3, shift_right<5>(v[1]), shift_right<3>(v[4])), low5);
    const Bytes top = select(splat_byte(8), shift_right<2>(v[3]), shift_right<1>(v[4]));
    x[7] = bit_and(select(low3, shift_right<5>(v[2]), top), low5);
}

template <int P, int C>
LB_INLINE void dots(int, const std::uint8_t *const *panels, const Column *columns, int origin,
                    int begin, int end, Floats (&sums)[P][C]) {
    for (auto &row : sums)
        for (auto &s : row)
            s = zero();
    for (int b = begin; b < end; ++b) {
        Ints total[8][P][C];
        for (auto &plane : total)
            for (auto &row : plane)
                for (auto &t : row)
                    t = splat(0);
#pragma GCC unroll 8
        for (int g = 0; g < 8; ++g) {
            for (int p = 0; p < P; ++p) {
                const std::uint8_t *q = reinterpret_cast<const Panel *>(panels[p])[b].q[g][0][0];
                if (C == 1 && g % 4 == 0)
                    prefetch_ahead(q);
                Bytes x[8];
                unpack_group(q, x);
                for (int c = 0; c < C; ++c) {
                    const std::int8_t *a = columns[c].blocks[b - origin].qs + 4 * g;
                    for (int j = 0; j < 8; ++j) {
                        total[j][p][c] = dot(total[j][p][c], x[j], splat4(a + 32 * j));
                    }
                }
            }
        }
        for (int p = 0; p < P; ++p) {
            const Panel &w = reinterpret_cast<const Panel *>(panels[p])[b];
            ScalesAndMinima by;
            take_apart(w.scales, by);
            for (int c = 0; c < C; ++c) {
                Ints scaled = splat(0);
                for (int j = 0; j < 8; ++j) {
                    scaled = add(scaled, multiply(total[j][p][c], widen(by.scales + j * lanes)));
                }
                sums[p][c] =
                    add_block(sums[p][c], w.d, w.dmin, scaled, by, columns[c].prepared[b - origin]);
            }
        }
    }
}

#include "kernels/panel/walk.inc"

LB_PANEL_FUNCTIONS(q5_K)

#endif
