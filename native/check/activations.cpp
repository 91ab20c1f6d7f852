#include "check/fields.hpp"
#include "check/problem.hpp"

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"

#include <cstring>
#include <numeric>
#include <string_view>

namespace lb::check {
namespace {

std::int8_t quant(Pattern pattern, int i, Random &random) {
    switch (pattern) {
    case Pattern::small:
        return static_cast<std::int8_t>(random.between(-2, 2));
    case Pattern::plus:
        return 127;
    case Pattern::minus:
        return -127;
    case Pattern::alternating:
        return i % 2 ? -127 : 127;
    case Pattern::pairs:
        return i % 4 < 2 ? -127 : 127;
    case Pattern::ones:
        return 1;
    case Pattern::random:
        break;
    }
    return static_cast<std::int8_t>(random.between(-127, 127));
}

void finish(block_q8_0 &block, Kind kind, Random &random) {
    block.d = random_half(kind, random);
}

void finish(block_q8_1 &block, Kind kind, Random &random) {
    block.d = random_half(kind == Kind::finite ? Kind::ordinary : kind, random);
    const int sum = std::accumulate(block.qs, block.qs + 32, 0);
    block.s = float_to_half(half_to_float(block.d) * static_cast<float>(sum));
}

void finish(block_q8_K &block, Kind kind, Random &random) {
    block.d = half_to_float(random_half(kind, random));
    for (int i = 0; i < 16; ++i) {
        const std::int8_t *first = block.qs + 16 * i;
        block.bsums[i] = static_cast<std::int16_t>(std::accumulate(first, first + 16, 0));
    }
}

// What a block of zeros has in place of its sums.
void spoil(block_q8_0 &, Random &) {}
void spoil(block_q8_1 &, Random &) {}
void spoil(block_q8_K &block, Random &random) {
    for (int i = 0; i < 16; ++i)
        block.bsums[i] = static_cast<std::int16_t>(random.bits());
}

template <class Block>
void fill_block(std::uint8_t *bytes, Kind kind, Pattern pattern, Random &random) {
    Block block;
    int i = 0;
    for (std::int8_t &q : block.qs)
        q = quant(pattern, i++, random);
    finish(block, kind, random);
    std::memcpy(bytes, &block, sizeof block);
}

template <class Block> void zero_block(std::uint8_t *bytes, Random &random) {
    Block block{};
    spoil(block, random);
    std::memcpy(bytes, &block, sizeof block);
}

} // namespace

void fill_activations(Problem &problem, Kind kind, Pattern pattern, Random &random) {
    const lb_format &format = *problem.activation;
    const std::string_view name = format.name;
    const bool special = kind == Kind::infinite || kind == Kind::nan;
    problem.activations.resize(static_cast<std::size_t>(problem.columns) * problem.column_bytes());
    std::uint8_t *block = problem.activations.data();
    for (int column = 0; column < problem.columns; ++column) {
        const Kind here = special && column % 2 == 0 ? Kind::ordinary : kind;
        for (int i = 0; i < problem.n; i += format.block_weights, block += format.block_bytes) {
            if (name == "q8_0") {
                fill_block<block_q8_0>(block, here, pattern, random);
            } else if (name == "q8_1") {
                fill_block<block_q8_1>(block, here, pattern, random);
            } else if (name == "q8_K") {
                fill_block<block_q8_K>(block, here, pattern, random);
            } else {
                const std::uint32_t bits = random_value(format.name, here, random);
                std::memcpy(block, &bits, format.block_bytes);
            }
        }
    }
}

void zero_activations(Problem &problem, bool all, Random &random) {
    const lb_format &format = *problem.activation;
    const std::string_view name = format.name;
    std::vector<std::uint8_t> &bytes = problem.activations;
    for (std::size_t at = 0; at < bytes.size(); at += format.block_bytes) {
        if (!all && random.one_in(2))
            continue;
        if (name == "q8_0")
            zero_block<block_q8_0>(&bytes[at], random);
        else if (name == "q8_1")
            zero_block<block_q8_1>(&bytes[at], random);
        else if (name == "q8_K")
            zero_block<block_q8_K>(&bytes[at], random);
        else
            std::memset(&bytes[at], 0, format.block_bytes);
    }
}

} // namespace lb::check
