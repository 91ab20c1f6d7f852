// Packing rows into panels and back, and the reference gemm over panels, for any format whose
// `Layout` says how one block of one row lies in a panel:
//
//   struct Layout {
//       using Block = ...;  using Activation = ...;
//       static constexpr int weights;                 // in a block
//       static constexpr lb_vec_dot reference;        // scalar
//       template <int rows> static void put(const Block &, std::uint8_t *panel, int blocks, int b,
//       int r); template <int rows> static void get(Block &, const std::uint8_t *panel, int blocks,
//       int b, int r);
//   };

#pragma once

#include "kernels/kernel.h"
#include "kernels/result.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lb {

template <class Layout, int rows> std::size_t packed_panel_bytes(int n) {
    return static_cast<std::size_t>(n / Layout::weights) * sizeof(typename Layout::Block) * rows;
}

template <class Layout, int rows> void pack(int n, int nc, const void *vrows, void *vpacked) {
    using Block = typename Layout::Block;
    const auto *in = static_cast<const std::uint8_t *>(vrows);
    auto *panel = static_cast<std::uint8_t *>(vpacked);
    const int blocks = n / Layout::weights;
    for (std::ptrdiff_t first = 0; first < nc; first += rows) {
        std::memset(panel, 0, packed_panel_bytes<Layout, rows>(n));
        for (int r = 0; r < rows; ++r) {
            for (int b = 0; b < blocks; ++b) {
                Block block{};
                const std::size_t at = static_cast<std::size_t>(first + r) * blocks + b;
                if (first + r < nc)
                    std::memcpy(&block, in + at * sizeof block, sizeof block);
                Layout::template put<rows>(block, panel, blocks, b, r);
            }
        }
        panel += packed_panel_bytes<Layout, rows>(n);
    }
}

template <class Layout, int rows> void unpack(int n, int nc, const void *vpacked, void *vrows) {
    using Block = typename Layout::Block;
    auto *out = static_cast<std::uint8_t *>(vrows);
    const int blocks = n / Layout::weights;
    for (int row = 0; row < nc; ++row) {
        const auto *panel = static_cast<const std::uint8_t *>(vpacked) +
                            row / rows * packed_panel_bytes<Layout, rows>(n);
        for (int b = 0; b < blocks; ++b) {
            Block block{};
            Layout::template get<rows>(block, panel, blocks, b, row % rows);
            std::memcpy(out, &block, sizeof block);
            out += sizeof block;
        }
    }
}

// Takes each block out of its panel and multiplies it by the scalar vec_dot.
template <class Layout, int rows>
void reference_gemm(int n, float *s, std::size_t bs, const void *vx, const void *vy, int nr,
                    int nc) {
    using Block = typename Layout::Block;
    using Activation = typename Layout::Activation;
    const auto *activations = static_cast<const std::uint8_t *>(vy);
    const int blocks = n / Layout::weights;
    for (int c = 0; c < nr; ++c) {
        for (int row = 0; row < nc; ++row) {
            const auto *panel = static_cast<const std::uint8_t *>(vx) +
                                row / rows * packed_panel_bytes<Layout, rows>(n);
            double sum = 0; // as that of the scalar vec_dot
            for (int b = 0; b < blocks; ++b) {
                Block block{};
                Layout::template get<rows>(block, panel, blocks, b, row % rows);
                const std::size_t at = static_cast<std::size_t>(c) * blocks + b;
                float part;
                Layout::reference(Layout::weights, &part, 0, &block, 0,
                                  activations + at * sizeof(Activation), 0, 1);
                sum += part;
            }
            put(s + static_cast<std::size_t>(c) * bs + row, static_cast<float>(sum));
        }
    }
}

} // namespace lb

// The registration of a panel kernel's file: LB_PANELS(q4_K, LayoutQ4K)
#define LB_PANEL_KERNELS(format, isa, rows)                                                        \
    {#format, LB_GEMV, #isa, rows, {.gemm = lb::isa::lb_gemv_##format##_##isa}}, {                 \
        #format, LB_GEMM, #isa, rows, {                                                            \
            .gemm = lb::isa::lb_gemm_##format##_##isa                                              \
        }                                                                                          \
    }
#define LB_PANEL_REFERENCE(format, layout, rows)                                                   \
    {#format, LB_GEMV, "scalar", rows, {.gemm = lb::reference_gemm<layout, rows>}}, {              \
        #format, LB_GEMM, "scalar", rows, {                                                        \
            .gemm = lb::reference_gemm<layout, rows>                                               \
        }                                                                                          \
    }
#define LB_PACKING(format, layout, rows)                                                           \
    {#format, rows, lb::pack<layout, rows>, lb::unpack<layout, rows>}
#if defined(__x86_64__)
#define LB_PANELS(format, layout)                                                                  \
    static const lb::Register registered_##format(                                                 \
        {LB_PANEL_REFERENCE(format, layout, 8), LB_PANEL_REFERENCE(format, layout, 16),            \
         LB_PANEL_KERNELS(format, avx2, 8), LB_PANEL_KERNELS(format, avxvnni, 8),                  \
         LB_PANEL_KERNELS(format, avx512, 16), LB_PANEL_KERNELS(format, avx512vnni, 16)},          \
        {LB_PACKING(format, layout, 8), LB_PACKING(format, layout, 16)});
#elif defined(__aarch64__)
#define LB_PANELS(format, layout)                                                                  \
    static const lb::Register registered_##format(                                                 \
        {LB_PANEL_REFERENCE(format, layout, 8), LB_PANEL_KERNELS(format, neon, 8),                 \
         LB_PANEL_KERNELS(format, dotprod, 8), LB_PANEL_KERNELS(format, i8mm, 8)},                 \
        {LB_PACKING(format, layout, 8)});
#else
#define LB_PANELS(format, layout)                                                                  \
    static const lb::Register registered_##format({LB_PANEL_REFERENCE(format, layout, 8)},         \
                                                  {LB_PACKING(format, layout, 8)});
#endif

// The two functions of a panel kernel, inside of its body: LB_PANEL_FUNCTIONS(q4_K)
#define LB_PANEL_FUNCTIONS(format)                                                                 \
    LB_KERNEL(gemv_##format)                                                                       \
    (int n, float *s, std::size_t, const void *vx, const void *vy, int, int nc) {                  \
        gemv(n, s, vx, vy, nc);                                                                    \
    }                                                                                              \
    LB_KERNEL(gemm_##format)                                                                       \
    (int n, float *s, std::size_t bs, const void *vx, const void *vy, int nr, int nc) {            \
        gemm(n, s, bs, vx, vy, nr, nc);                                                            \
    }
