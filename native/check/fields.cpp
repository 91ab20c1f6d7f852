#include "check/fields.hpp"

#include "formats/blocks.hpp"

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace lb::check {
namespace {

template <class Block>
constexpr Fields halves(std::string_view name, std::size_t scale, int minimum = -1) {
    return {name, alignof(Block), Scale::half, static_cast<int>(scale), minimum};
}

constexpr Fields table[] = {
    halves<block_q4_0>("q4_0", offsetof(block_q4_0, d)),
    halves<block_q4_1>("q4_1", offsetof(block_q4_1, d), offsetof(block_q4_1, m)),
    halves<block_q5_0>("q5_0", offsetof(block_q5_0, d)),
    halves<block_q5_1>("q5_1", offsetof(block_q5_1, d), offsetof(block_q5_1, m)),
    halves<block_q8_0>("q8_0", offsetof(block_q8_0, d)),
    halves<block_q8_1>("q8_1", offsetof(block_q8_1, d)),
    halves<block_q2_K>("q2_K", offsetof(block_q2_K, d), offsetof(block_q2_K, dmin)),
    halves<block_q3_K>("q3_K", offsetof(block_q3_K, d)),
    halves<block_q4_K>("q4_K", offsetof(block_q4_K, d), offsetof(block_q4_K, dmin)),
    halves<block_q5_K>("q5_K", offsetof(block_q5_K, d), offsetof(block_q5_K, dmin)),
    halves<block_q6_K>("q6_K", offsetof(block_q6_K, d)),
    halves<block_iq4_nl>("iq4_nl", offsetof(block_iq4_nl, d)),
    halves<block_iq4_xs>("iq4_xs", offsetof(block_iq4_xs, d)),
    {"q8_K", alignof(block_q8_K), Scale::half, -1, -1},
    {"mxfp4", alignof(block_mxfp4), Scale::power, offsetof(block_mxfp4, e), -1},
    {"f16", 2, Scale::value, -1, -1},
    {"bf16", 2, Scale::value, -1, -1},
    {"f32", 4, Scale::value, -1, -1},
};

} // namespace

const Fields &fields_of(std::string_view format) {
    for (const Fields &fields : table) {
        if (fields.format == format)
            return fields;
    }
    std::fprintf(stderr, "kernel_check: add %.*s to check/fields.cpp\n",
                 static_cast<int>(format.size()), format.data());
    std::exit(2);
}

} // namespace lb::check
