// q4_0 weights, interleaved in panels, against q8_0 activations: w = d (q - 8), y = d_a a.
// See small_blocks.hpp for the layout; byte i of a block holds weight i low, weight i + 16 high.

#ifndef LB_PANEL_Q4_0
#define LB_PANEL_Q4_0

#include "kernels/panel/packing.hpp"
#include "kernels/panel/small_blocks.hpp"
#include "kernels/references.h"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb {
using LayoutQ4_0 = SmallLayout<block_q4_0, lb_vec_dot_q4_0_scalar>;
}

#define LB_FILE "kernels/panel/q4_0.cpp"
#include "kernels/simd/each_isa.inc"

LB_PANELS(q4_0, lb::LayoutQ4_0)

#else

inline constexpr int weight_bytes = sizeof(block_q4_0);
inline constexpr int gemv_panels = 4;
inline constexpr int gemm_columns = lanes == 16 ? 12 : 4;
inline constexpr int offset = 8;

template <int P, int C, class Column>
LB_INLINE void add_group(const Bytes (&q)[P], const Column *columns, int b, int g,
                         Ints (&total)[P][C]) {
    Bytes low[P], high[P];
    for (int p = 0; p < P; ++p) {
        low[p] = bit_and(q[p], splat_byte(15));
        high[p] = bit_and(shift_right<4>(q[p]), splat_byte(15));
    }
    for (int c = 0; c < C; ++c) {
        const Bytes al = splat4(columns[c].blocks[b].qs + 4 * g);
        const Bytes ah = splat4(columns[c].blocks[b].qs + 16 + 4 * g);
        for (int p = 0; p < P; ++p) {
            total[p][c] = dot(dot(total[p][c], low[p], al), high[p], ah);
        }
    }
}

#include "kernels/panel/small_blocks.inc"
#include "kernels/panel/walk.inc"

LB_PANEL_FUNCTIONS(q4_0)

#endif
