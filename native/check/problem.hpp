// One matrix of weights and some activations for it: what all kernels of a format compute alike.

#pragma once

#include "check/numbers.hpp"
#include "check/random.hpp"

#include "formats/format.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lb::check {

struct Problem {
    std::string name;
    const lb_format *format, *activation;
    int n, rows, columns;
    std::vector<std::uint8_t> weights, activations; // rows, and columns, one after the other
    bool exact = false; // no float32 sum or product is rounded: results have to be equal
    // A result that is not finite is infinite or NaN as the reference's, and not only not finite:
    // infinities of both signs make a NaN or don't, as the order of the operations has it.
    bool same_class = false;

    std::size_t row_bytes() const {
        return static_cast<std::size_t>(n / format->block_weights) * format->block_bytes;
    }
    std::size_t column_bytes() const {
        return static_cast<std::size_t>(n / activation->block_weights) * activation->block_bytes;
    }
};

// How the quantized values of activations run; with Values::floats for f16, bf16 and f32.
enum class Pattern { random, small, plus, minus, alternating, pairs, ones };

// Weights of that many blocks a row. Bytes other than scales are `byte`, or random if it is
// negative.
void fill_weights(Problem &problem, Kind kind, int byte, Random &random);

// Infinite and NaN scales: in odd columns only. The sums in q8_1 and q8_K are right.
void fill_activations(Problem &problem, Kind kind, Pattern pattern, Random &random);

// Blocks of zeros in all activations, or in about half of the blocks; with the block sums, which
// ggml leaves undefined there, random.
void zero_activations(Problem &problem, bool all, Random &random);

// Infinity for the scale of one block in each row; nothing for a format without such scales.
void set_infinite_scales(Problem &problem, Random &random);

// Both as the format's own quantization makes them of values from -1 to 1, or of 1 to 2.
void quantize_both(Problem &problem, bool positive, Random &random);

// The same, all values of a row alike: every rounding of a growing sum of them may be to one side.
void quantize_equal(Problem &problem);

} // namespace lb::check
