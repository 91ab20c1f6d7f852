// iq4_nl weights, interleaved in panels, against q8_0 activations: w = d * table[q], y = d_a a.
// See small_blocks.hpp for the layout; byte i of a block holds weight i low, weight i + 16 high.

#ifndef LB_PANEL_IQ4_NL
#define LB_PANEL_IQ4_NL

#include "kernels/panel/packing.hpp"
#include "kernels/panel/small_blocks.hpp"
#include "kernels/references.h"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb {

namespace {
// iq4_values + 128, as dot_biased wants them.
constexpr std::int8_t biased_iq4_values[16] = {1,    24,   45,   63,  79,  93,  106, 118,
                                               -127, -115, -103, -90, -75, -59, -39, -15};
} // namespace

using LayoutIQ4_NL = SmallLayout<block_iq4_nl, lb_vec_dot_iq4_nl_scalar>;
} // namespace lb

#define LB_FILE "kernels/panel/iq4_nl.cpp"
#include "kernels/simd/each_isa.inc"

LB_PANELS(iq4_nl, lb::LayoutIQ4_NL)

#else

inline constexpr int weight_bytes = sizeof(block_iq4_nl);
inline constexpr int gemv_panels = 4;
inline constexpr int gemm_columns = lanes == 16 ? 12 : 4;
inline constexpr int offset = bias;

template <int P, int C, class Column>
LB_INLINE void add_group(const Bytes (&q)[P], const Column *columns, int b, int g,
                         Ints (&total)[P][C]) {
    Bytes low[P], high[P];
    for (int p = 0; p < P; ++p) {
        low[p] = look_up(biased_iq4_values, bit_and(q[p], splat_byte(15)));
        high[p] = look_up(biased_iq4_values, bit_and(shift_right<4>(q[p]), splat_byte(15)));
    }
    for (int c = 0; c < C; ++c) {
        const Bytes al = splat4(columns[c].blocks[b].qs + 4 * g);
        const Bytes ah = splat4(columns[c].blocks[b].qs + 16 + 4 * g);
        for (int p = 0; p < P; ++p) {
            total[p][c] = dot_biased(dot_biased(total[p][c], low[p], al), high[p], ah);
        }
    }
}

#include "kernels/panel/small_blocks.inc"
#include "kernels/panel/walk.inc"

LB_PANEL_FUNCTIONS(iq4_nl)

#endif
