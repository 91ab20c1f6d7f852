// q6_K weights, interleaved in panels, against q8_K activations.
//
//   w = d * scale_j * (q - 32)      q: 6 bits, scale_j: signed 8 bits, j: 16 weights
//   y = d_a * a
//
// A panel holds the quants of all blocks, then {d[rows], scales[16][rows]} of all blocks, so that
// the quants stay aligned to cache lines. Quants of a block: q[4][4][3][rows][4]: of four times 16
// weights, group g of each in 3 bytes. Of the four values x0..x3 of 6 bits that 3 bytes hold,
// x0..x2 are their low 6 bits; the top 2 bits are x3's, lowest first.

#ifndef LB_PANEL_Q6_K
#define LB_PANEL_Q6_K

#include "formats/blocks.hpp"
#include "kernels/panel/packing.hpp"
#include "kernels/references.h"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb {
namespace {

template <int rows> struct QuantsQ6K {
    std::uint8_t q[4][4][3][rows][4];
};

template <int rows> struct ScalesQ6K {
    half d[rows];
    std::int8_t scales[16][rows];
};
static_assert(sizeof(QuantsQ6K<16>) + sizeof(ScalesQ6K<16>) == 16 * sizeof(block_q6_K));

template <int rows> const ScalesQ6K<rows> *heads_of(const std::uint8_t *panel, int blocks) {
    return reinterpret_cast<const ScalesQ6K<rows> *>(panel + static_cast<std::size_t>(blocks) *
                                                                 sizeof(QuantsQ6K<rows>));
}

int value(const block_q6_K &in, int i) {
    const int half_block = i / 128, quarter = i % 128 / 32, l = i % 32;
    const int low = in.ql[half_block * 64 + quarter % 2 * 32 + l] >> (quarter / 2 * 4) & 15;
    return low | (in.qh[half_block * 32 + l] >> (2 * quarter) & 3) << 4;
}

void set_value(block_q6_K &out, int i, int x) {
    const int half_block = i / 128, quarter = i % 128 / 32, l = i % 32;
    out.ql[half_block * 64 + quarter % 2 * 32 + l] |=
        static_cast<std::uint8_t>((x & 15) << (quarter / 2 * 4));
    out.qh[half_block * 32 + l] |= static_cast<std::uint8_t>((x >> 4) << (2 * quarter));
}

struct LayoutQ6K {
    using Block = block_q6_K;
    using Activation = block_q8_K;
    static constexpr int weights = 256;
    static constexpr lb_vec_dot reference = lb_vec_dot_q6_K_scalar;

    template <int rows>
    static void put(const Block &in, std::uint8_t *panel, int blocks, int b, int r) {
        auto &out = reinterpret_cast<QuantsQ6K<rows> *>(panel)[b];
        auto &head = const_cast<ScalesQ6K<rows> &>(heads_of<rows>(panel, blocks)[b]);
        head.d[r] = in.d;
        for (int j = 0; j < 16; ++j)
            head.scales[j][r] = in.scales[j];
        for (int k = 0; k < 4; ++k) {
            for (int l = 0; l < 16; ++l) {
                const int last = value(in, 64 * k + 48 + l);
                for (int v = 0; v < 3; ++v) {
                    const int top = last >> (2 * v) & 3;
                    out.q[k][l / 4][v][r][l % 4] =
                        static_cast<std::uint8_t>(value(in, 64 * k + 16 * v + l) | top << 6);
                }
            }
        }
    }

    template <int rows>
    static void get(Block &out, const std::uint8_t *panel, int blocks, int b, int r) {
        const auto &in = reinterpret_cast<const QuantsQ6K<rows> *>(panel)[b];
        const auto &head = heads_of<rows>(panel, blocks)[b];
        out = {};
        out.d = head.d[r];
        for (int j = 0; j < 16; ++j)
            out.scales[j] = head.scales[j][r];
        for (int k = 0; k < 4; ++k) {
            for (int l = 0; l < 16; ++l) {
                int last = 0;
                for (int v = 0; v < 3; ++v) {
                    const int byte = in.q[k][l / 4][v][r][l % 4];
                    set_value(out, 64 * k + 16 * v + l, byte & 63);
                    last |= byte >> 6 << (2 * v);
                }
                set_value(out, 64 * k + 48 + l, last);
            }
        }
    }
};

} // namespace
} // namespace lb

#define LB_FILE "kernels/panel/q6_K.cpp"
#include "kernels/simd/each_isa.inc"

LB_PANELS(q6_K, lb::LayoutQ6K)

#else

using Activation = block_q8_K;
using Quants = QuantsQ6K<lanes>;
inline constexpr int block = 256;
inline constexpr int weight_bytes = sizeof(block_q6_K);
inline constexpr int gemv_panels = 4;
inline constexpr int gemm_columns = lanes == 16 ? 4 : 2;

struct Prepared {
    float d;
    std::int32_t start[16]; // of the integer sums: -32 times the sums of 16 activations
};

LB_INLINE void prepare(const Activation &a, Prepared &p) {
    p.d = a.d;
    for (int j = 0; j < 16; ++j)
        p.start[j] = -32 * a.bsums[j];
}

#include "kernels/panel/column.inc"

// The four times four weights a row of one group.
LB_INLINE void unpack_group(const std::uint8_t *q, Bytes (&x)[4]) {
    const Bytes low6 = splat_byte(63);
    const Bytes v0 = load(q), v1 = load(q + width), v2 = load(q + 2 * width);
    x[0] = bit_and(v0, low6);
    x[1] = bit_and(v1, low6);
    x[2] = bit_and(v2, low6);
    const Bytes low4 = select(splat_byte(3), shift_right<6>(v0), shift_right<4>(v1));
    x[3] = bit_and(select(splat_byte(15), low4, shift_right<2>(v2)), low6);
}

template <int P, int C>
LB_INLINE void dots(int n, const std::uint8_t *const *panels, const Column *columns, int begin,
                    int end, Floats (&sums)[P][C]) {
    for (auto &row : sums)
        for (auto &s : row)
            s = zero();
    const ScalesQ6K<lanes> *heads[P];
    for (int p = 0; p < P; ++p)
        heads[p] = heads_of<lanes>(panels[p], n / block);
    for (int b = begin; b < end; ++b) {
        Ints scaled[P][C];
        for (auto &row : scaled)
            for (auto &t : row)
                t = splat(0);
        for (int k = 0; k < 4; ++k) {
            Ints total[4][P][C];
            for (int j = 0; j < 4; ++j) {
                for (int c = 0; c < C; ++c) {
                    const Ints start = splat(columns[c].prepared[b - begin].start[4 * k + j]);
                    for (int p = 0; p < P; ++p)
                        total[j][p][c] = start;
                }
            }
#pragma GCC unroll 4
            for (int g = 0; g < 4; ++g) {
                for (int p = 0; p < P; ++p) {
                    const std::uint8_t *q =
                        reinterpret_cast<const Quants *>(panels[p])[b].q[k][g][0][0];
                    if (C == 1 && g == 0 && k % 2 == 0)
                        prefetch_ahead(q);
                    Bytes x[4];
                    unpack_group(q, x);
                    for (int c = 0; c < C; ++c) {
                        const std::int8_t *a = columns[c].blocks[b - begin].qs + 64 * k + 4 * g;
                        for (int j = 0; j < 4; ++j) {
                            total[j][p][c] = dot(total[j][p][c], x[j], splat4(a + 16 * j));
                        }
                    }
                }
            }
            for (int p = 0; p < P; ++p) {
                for (int j = 0; j < 4; ++j) {
                    const Ints scale = widen(heads[p][b].scales[4 * k + j]);
                    for (int c = 0; c < C; ++c) {
                        scaled[p][c] = add(scaled[p][c], multiply(total[j][p][c], scale));
                    }
                }
            }
        }
        for (int p = 0; p < P; ++p) {
            const Floats d = load_halves(heads[p][b].d);
            for (int c = 0; c < C; ++c) {
                const Floats scale = multiply(d, splat(columns[c].prepared[b - begin].d));
                sums[p][c] = fma(scale, to_floats(scaled[p][c]), sums[p][c]);
            }
        }
    }
}

#include "kernels/panel/walk.inc"

LB_PANEL_FUNCTIONS(q6_K)

#endif
