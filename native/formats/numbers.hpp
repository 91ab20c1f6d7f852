// Small floating point numbers as bits. Conversions are exact or round to nearest, ties to even;
// NaN stays NaN.

#pragma once

#include "formats/blocks.hpp"

#include <bit>
#include <cstdint>

namespace lb {

inline float half_to_float(half h) {
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000U) << 16;
    const std::uint32_t exponent = (h >> 10) & 0x1FU;
    const std::uint32_t fraction = h & 0x3FFU;
    if (exponent == 0x1F)
        return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
    if (exponent == 0) { // zero and subnormal: fraction * 2^-24, exact in float
        const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
        return sign ? -magnitude : magnitude;
    }
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

inline half float_to_half(float f) {
    const auto bits = std::bit_cast<std::uint32_t>(f);
    const auto sign = static_cast<half>((bits >> 16) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) { // NaN: keep the top of its payload, and keep it a quiet NaN
        return static_cast<half>(sign | 0x7E00U | ((magnitude >> 13) & 0x1FFU));
    }
    if (magnitude >= 0x47800000U)
        return static_cast<half>(sign | 0x7C00U); // 65536 and more
    if (magnitude < 0x38800000U) { // below 2^-14: subnormal; adding 0.5 rounds at 2^-24
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<half>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1U;
    return static_cast<half>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13));
}

inline float bf16_to_float(std::uint16_t b) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16);
}

inline std::uint16_t float_to_bf16(float f) {
    const auto bits = std::bit_cast<std::uint32_t>(f);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U)
        return static_cast<std::uint16_t>((bits >> 16) | 64U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// 2^(e - 128): half of the E8M0 scale, because mxfp4's table holds twice its values.
inline float e8m0_half_to_float(std::uint8_t e) {
    const std::uint32_t bits =
        e < 2 ? 0x00200000U << e : (static_cast<std::uint32_t>(e) - 1U) << 23;
    return std::bit_cast<float>(bits);
}

// The values that 4-bit indices stand for; mxfp4's are twice those of E2M1.
inline constexpr std::int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
inline constexpr std::int8_t mxfp4_values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                 0, -1, -2, -3, -4, -6, -8, -12};

// Scale and minimum j (0..7) of the 12 bytes that q4_K and q5_K keep for eight of each, 6 bits.
struct ScaleMin {
    std::uint8_t scale, min;
};

inline ScaleMin k_scale_min(const std::uint8_t bytes[12], int j) {
    if (j < 4) {
        return {static_cast<std::uint8_t>(bytes[j] & 63),
                static_cast<std::uint8_t>(bytes[j + 4] & 63)};
    }
    return {static_cast<std::uint8_t>((bytes[j + 4] & 15) | (bytes[j - 4] >> 6 << 4)),
            static_cast<std::uint8_t>((bytes[j + 4] >> 4) | (bytes[j] >> 6 << 4))};
}

} // namespace lb
