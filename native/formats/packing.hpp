// Where the bits of a weight lie, as far as K formats share it.

#pragma once

#include "formats/blocks.hpp"

namespace lb {

inline void put(std::uint8_t &byte, int bits, int shift) {
    byte = static_cast<std::uint8_t>(byte | bits << shift);
}

// Fields of two bits (q2_K, q3_K, the upper ones of q6_K): each 128 weights take 32 bytes, byte l
// holding weights l, l + 32, l + 64 and l + 96 from its low end up.
inline int pair_byte(int i) {
    return i / 128 * 32 + i % 32;
}
inline int pair_shift(int i) {
    return i / 32 % 4 * 2;
}

// Scale j of q3_K, less the 32 that is added in storage: four bits in the low halves of the first
// eight bytes, then in the high ones; the upper two bits in the last four bytes.
inline int q3_scale(const std::uint8_t bytes[12], int j) {
    const int low = j < 8 ? bytes[j] & 15 : bytes[j - 8] >> 4;
    const int high = (bytes[8 + j % 4] >> (j / 4 * 2)) & 3;
    return (low | high << 4) - 32;
}

inline void put_q3_scale(std::uint8_t bytes[12], int j, int scale) {
    const int bits = scale + 32;
    put(bytes[j % 8], bits & 15, j / 8 * 4);
    put(bytes[8 + j % 4], bits >> 4, j / 4 * 2);
}

// Scale and minimum j of q4_K and q5_K into twelve zero bytes; k_scale_min reads them.
inline void put_k_scale_min(std::uint8_t bytes[12], int j, int scale, int min) {
    if (j < 4) {
        put(bytes[j], scale, 0);
        put(bytes[j + 4], min, 0);
        return;
    }
    put(bytes[j + 4], scale & 15, 0);
    put(bytes[j + 4], min & 15, 4);
    put(bytes[j - 4], scale >> 4, 6);
    put(bytes[j], min >> 4, 6);
}

} // namespace lb
