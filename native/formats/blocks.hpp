// ggml's blocks, bit for bit (layout: ggml-common.h of ggml 0.25). Fields are little-endian; a
// 16-bit float is kept as its bits. Blocks may lie at any address.

#pragma once

#include <cstdint>

namespace lb {

using half = std::uint16_t;

// Of a type whose objects may lie at any address: its fields have no alignment, so that no pointer
// or reference to one of more than a byte may be formed.
#define LB_ANYWHERE __attribute__((packed))

inline constexpr int super_block = 256; // weights in a block of the K formats and of iq4_xs

struct LB_ANYWHERE block_q4_0 {
    half d;
    std::uint8_t qs[16]; // byte i: weight i low, weight i + 16 high
};

struct LB_ANYWHERE block_q4_1 {
    half d, m;
    std::uint8_t qs[16];
};

struct LB_ANYWHERE block_q5_0 {
    half d;
    std::uint8_t qh[4]; // bit i: fifth bit of weight i
    std::uint8_t qs[16];
};

struct LB_ANYWHERE block_q5_1 {
    half d, m;
    std::uint8_t qh[4];
    std::uint8_t qs[16];
};

struct LB_ANYWHERE block_q8_0 {
    half d;
    std::int8_t qs[32];
};

struct LB_ANYWHERE block_q8_1 {
    half d, s; // s: d times the sum of qs
    std::int8_t qs[32];
};

struct LB_ANYWHERE block_q2_K {
    std::uint8_t scales[16]; // per 16 weights: scale low, minimum high
    std::uint8_t qs[64];
    half d, dmin;
};

struct LB_ANYWHERE block_q3_K {
    std::uint8_t hmask[32];
    std::uint8_t qs[64];
    std::uint8_t scales[12]; // 16 scales of 6 bits, plus 32
    half d;
};

struct LB_ANYWHERE block_q4_K {
    half d, dmin;
    std::uint8_t scales[12]; // 8 scales and 8 minima of 6 bits, see k_scale_min
    std::uint8_t qs[128];    // per 64 weights: the first 32 low, the others high
};

struct LB_ANYWHERE block_q5_K {
    half d, dmin;
    std::uint8_t scales[12];
    std::uint8_t qh[32]; // bit j of byte l: fifth bit of weight 32 j + l
    std::uint8_t qs[128];
};

struct LB_ANYWHERE block_q6_K {
    std::uint8_t ql[128];
    std::uint8_t qh[64];
    std::int8_t scales[16];
    half d;
};

struct LB_ANYWHERE block_q8_K {
    float d;
    std::int8_t qs[256];
    std::int16_t bsums[16]; // sums of 16; not set by ggml when d is 0
};

struct LB_ANYWHERE block_iq4_nl {
    half d;
    std::uint8_t qs[16];
};

struct LB_ANYWHERE block_iq4_xs {
    half d;
    std::uint16_t scales_h;
    std::uint8_t scales_l[4];
    std::uint8_t qs[128];
};

struct LB_ANYWHERE block_mxfp4 {
    std::uint8_t e; // power of two, biased by 127
    std::uint8_t qs[16];
};

static_assert(alignof(block_q4_0) == 1 && alignof(block_q8_K) == 1);
static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q4_1) == 20);
static_assert(sizeof(block_q5_0) == 22 && sizeof(block_q5_1) == 24);
static_assert(sizeof(block_q8_0) == 34 && sizeof(block_q8_1) == 36);
static_assert(sizeof(block_q2_K) == 84 && sizeof(block_q3_K) == 110 && sizeof(block_q4_K) == 144);
static_assert(sizeof(block_q5_K) == 176 && sizeof(block_q6_K) == 210 && sizeof(block_q8_K) == 292);
static_assert(sizeof(block_iq4_nl) == 18 && sizeof(block_iq4_xs) == 136 &&
              sizeof(block_mxfp4) == 17);

} // namespace lb
