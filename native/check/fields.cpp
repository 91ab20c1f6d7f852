#include "check/fields.hpp"

#include "formats/blocks.hpp"

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace lb::check {
namespace {

constexpr Fields halves(std::string_view name, std::size_t scale, int minimum = -1) {
    return {name, Scale::half, static_cast<int>(scale), minimum};
}

constexpr Fields table[] = {
    halves("q4_0", offsetof(block_q4_0, d)),
    halves("q4_1", offsetof(block_q4_1, d), offsetof(block_q4_1, m)),
    halves("q5_0", offsetof(block_q5_0, d)),
    halves("q5_1", offsetof(block_q5_1, d), offsetof(block_q5_1, m)),
    halves("q8_0", offsetof(block_q8_0, d)),
    halves("q8_1", offsetof(block_q8_1, d)),
    halves("q2_K", offsetof(block_q2_K, d), offsetof(block_q2_K, dmin)),
    halves("q3_K", offsetof(block_q3_K, d)),
    halves("q4_K", offsetof(block_q4_K, d), offsetof(block_q4_K, dmin)),
    halves("q5_K", offsetof(block_q5_K, d), offsetof(block_q5_K, dmin)),
    halves("q6_K", offsetof(block_q6_K, d)),
    halves("iq4_nl", offsetof(block_iq4_nl, d)),
    halves("iq4_xs", offsetof(block_iq4_xs, d)),
    {"q8_K", Scale::half, -1, -1},
    {"mxfp4", Scale::power, offsetof(block_mxfp4, e), -1},
    {"f16", Scale::value, -1, -1},
    {"bf16", Scale::value, -1, -1},
    {"f32", Scale::value, -1, -1},
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
