// The numbers that cases put into scales and values.

#pragma once

#include "check/random.hpp"

#include "formats/blocks.hpp"

#include <cstdint>

namespace lb::check {

enum class Kind {
    ordinary,  // magnitudes of 2^-8 to 2
    finite,    // any that the format has, subnormal ones too
    exact,     // few bits each, so that every partial sum is a float32 without rounding
    subnormal, // scales, and values of 16 bits, below the smallest normal number
    infinite,  // ordinary, with an infinity here and there
    nan,       // ordinary, with a NaN here and there
};

// One number of that kind; for infinite and nan: that itself, with either sign.
half random_half(Kind kind, Random &random);
std::uint8_t random_power(Kind kind, Random &random); // mxfp4's exponent
// Of the format f16, bf16 or f32, as its bits.
std::uint32_t random_value(char const *format, Kind kind, Random &random);

} // namespace lb::check
