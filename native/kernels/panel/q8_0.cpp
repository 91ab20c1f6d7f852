// q8_0 weights, interleaved in panels, against q8_0 activations: w = d q, y = d_a a.
//
// The quants are stored as q + 128, as vpdpbusd wants its first operand; see small_blocks.hpp for
// the layout.

#ifndef LB_PANEL_Q8_0
#define LB_PANEL_Q8_0

#include "kernels/panel/packing.hpp"
#include "kernels/panel/small_blocks.hpp"
#include "kernels/references.h"
#include "kernels/registry.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace lb {
using LayoutQ8_0 = SmallLayout<block_q8_0, lb_vec_dot_q8_0_scalar, 128>;
}

#define LB_FILE "kernels/panel/q8_0.cpp"
#include "kernels/simd/each_isa.inc"

LB_PANELS(q8_0, lb::LayoutQ8_0)

#else

inline constexpr int weight_bytes = sizeof(block_q8_0);
inline constexpr int gemv_panels = 4;
inline constexpr int gemm_columns = lanes == 16 ? 12 : 4;
inline constexpr int offset = bias;

template <int P, int C, class Column>
LB_INLINE void add_group(const Bytes (&q)[P], const Column *columns, int b, int g,
                         Ints (&total)[P][C]) {
    for (int c = 0; c < C; ++c) {
        const Bytes a = splat4(columns[c].blocks[b].qs + 4 * g);
        for (int p = 0; p < P; ++p)
            total[p][c] = dot_biased(total[p][c], q[p], a);
    }
}

#include "kernels/panel/small_blocks.inc"
#include "kernels/panel/walk.inc"

LB_PANEL_FUNCTIONS(q8_0)

#endif
