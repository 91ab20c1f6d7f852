// q4_K weights, interleaved in panels, against q8_K activations.
//
//   w = d * scale_j * q - dmin * min_j      q: 4 bits, scale_j and min_j: 6 bits, j: 32 weights
//   y = d_a * a
//
// Per panel and block of 256 (rows: those of the panel):
//   d[rows], dmin[rows]                     16-bit floats
//   b0[4][rows], b1[2][rows][2], b2[...]    scales and minima: 6 + 6 bits of 8 and 8 in 12 bytes
//   q[4][8][rows][4]                        byte i of group g of pair k: weight 64 k + 4 g + i low,
//                                           weight 64 k + 32 + 4 g + i high
// b0 and b1 hold scales and minima 0..3 in their low 6 bits and the top bits of 4..7 above them; b2
// the low bits of scales 4..7 (low nibble, in the order of b0) and minima 4..7 (high, as b1).
// Minima lie in pairs because two of them meet two sums of activations in one multiplication.

#ifndef LB_PANEL_Q4_K
#define LB_PANEL_Q4_K

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "kernels/panel/packing.hpp"
#include "kernels/panel/scale_bytes.hpp"
#include "kernels/references.h"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb {
namespace {

template <int rows> struct PanelQ4K {
    half d[rows], dmin[rows];
    std::uint8_t scales[12 * rows];
    std::uint8_t q[4][8][rows][4];
};
static_assert(sizeof(PanelQ4K<16>) == 16 * sizeof(block_q4_K));

struct LayoutQ4K {
    using Block = block_q4_K;
    using Activation = block_q8_K;
    static constexpr int weights = 256;
    static constexpr lb_vec_dot reference = lb_vec_dot_q4_K_scalar;

    template <int rows> static void put(const Block &in, std::uint8_t *panel, int, int b, int r) {
        auto &out = reinterpret_cast<PanelQ4K<rows> *>(panel)[b];
        out.d[r] = in.d;
        out.dmin[r] = in.dmin;
        pack_scale_bytes<rows>(in.scales, out.scales, r);
        for (int i = 0; i < 128; ++i)
            out.q[i / 32][i % 32 / 4][r][i % 4] = in.qs[i];
    }

    template <int rows> static void get(Block &out, const std::uint8_t *panel, int, int b, int r) {
        const auto &in = reinterpret_cast<const PanelQ4K<rows> *>(panel)[b];
        out.d = in.d[r];
        out.dmin = in.dmin[r];
        unpack_scale_bytes<rows>(in.scales, out.scales, r);
        for (int i = 0; i < 128; ++i)
            out.qs[i] = in.q[i / 32][i % 32 / 4][r][i % 4];
    }
};

} // namespace
} // namespace lb

#define LB_FILE "kernels/panel/q4_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_PANELS(q4_K, lb::LayoutQ4K)

#else

using Activation = block_q8_K;
using Panel = PanelQ4K<lanes>;
inline constexpr int block = 256;
inline constexpr int weight_bytes = sizeof(block_q4_K);
inline constexpr int gemv_panels = 4;
inline constexpr int gemm_columns = lanes == 16 ? 8 : 2;

#include "kernels/panel/scales_and_minima.inc"

template <int P, int C>
LB_INLINE void dots(int, const std::uint8_t *const *panels, const Column *columns, int begin,
                    int end, Floats (&sums)[P][C]) {
    for (auto &row : sums)
        for (auto &s : row)
            s = zero();
    const Bytes low = splat_byte(15), high = splat_byte(0xF0);
    for (int b = begin; b < end; ++b) {
        const Panel *w[P];
        ScalesAndMinima by[P];
        for (int p = 0; p < P; ++p) {
            w[p] = reinterpret_cast<const Panel *>(panels[p]) + b;
            if (C == 1)
                prefetch_ahead(w[p]);
            take_apart(w[p]->scales, by[p]);
        }
        Ints total[P][C];
        for (auto &row : total)
            for (auto &t : row)
                t = splat(0);
        for (int k = 0; k < 4; ++k) {
            Ints lo[P][C], hi[P][C];
            for (auto &row : lo)
                for (auto &t : row)
                    t = splat(0);
            for (auto &row : hi)
                for (auto &t : row)
                    t = splat(0);
#pragma GCC unroll 8
            for (int g = 0; g < 8; ++g) {
                Bytes l[P], h[P];
                for (int p = 0; p < P; ++p) {
                    const Bytes q = load_once(w[p]->q[k][g]);
                    l[p] = bit_and(q, low);
                    // Where a byte may reach 255, the high nibble stays in its place, times 16.
                    h[p] = vnni ? bit_and(q, high) : bit_and(shift_right<4>(q), low);
                }
                for (int c = 0; c < C; ++c) {
                    const Bytes al = splat4(columns[c].blocks[b - begin].qs + 64 * k + 4 * g);
                    const Bytes ah = splat4(columns[c].blocks[b - begin].qs + 64 * k + 32 + 4 * g);
                    for (int p = 0; p < P; ++p) {
                        lo[p][c] = dot(lo[p][c], l[p], al);
                        hi[p][c] = dot(hi[p][c], h[p], ah);
                    }
                }
            }
            for (int p = 0; p < P; ++p) {
                const Ints sl = widen(by[p].scales + 2 * k * lanes),
                           sh = widen(by[p].scales + (2 * k + 1) * lanes);
                for (int c = 0; c < C; ++c) {
                    const Ints h = vnni ? shift_right_signed<4>(hi[p][c]) : hi[p][c];
                    total[p][c] = add(total[p][c], add(multiply(lo[p][c], sl), multiply(h, sh)));
                }
            }
        }
        for (int p = 0; p < P; ++p) {
            for (int c = 0; c < C; ++c) {
                sums[p][c] = add_block(sums[p][c], w[p]->d, w[p]->dmin, total[p][c], by[p],
                                       columns[c].prepared[b - begin]);
            }
        }
    }
}

#include "kernels/panel/walk.inc"

LB_PANEL_FUNCTIONS(q4_K)

#endif
