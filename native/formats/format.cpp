#include "formats/format.h"

#include "formats/codecs.hpp"
#include "formats/floats.hpp"

#include <cstring>
#include <iterator>

namespace {

// Blocks are copied in and out, because they may lie at any address.
template <class Block, int weights>
void quantize(const float *values, void *blocks, std::int64_t n) {
    auto *bytes = static_cast<unsigned char *>(blocks);
    for (std::int64_t i = 0; i + weights <= n; i += weights, bytes += sizeof(Block)) {
        Block block{};
        lb::encode(values + i, block);
        std::memcpy(bytes, &block, sizeof block);
    }
}

template <class Block, int weights>
void dequantize(const void *blocks, float *values, std::int64_t n) {
    const auto *bytes = static_cast<const unsigned char *>(blocks);
    for (std::int64_t i = 0; i + weights <= n; i += weights, bytes += sizeof(Block)) {
        Block block;
        std::memcpy(&block, bytes, sizeof block);
        lb::decode(block, values + i);
    }
}

template <class Block, int weights>
constexpr lb_format blocks(const char *name, const char *activation) {
    return {name,
            weights,
            sizeof(Block),
            activation,
            quantize<Block, weights>,
            dequantize<Block, weights>};
}

const lb_format table[] = {
    blocks<lb::block_q4_0, 32>("q4_0", "q8_0"),
    blocks<lb::block_q4_1, 32>("q4_1", "q8_1"),
    blocks<lb::block_q5_0, 32>("q5_0", "q8_0"),
    blocks<lb::block_q5_1, 32>("q5_1", "q8_1"),
    blocks<lb::block_q8_0, 32>("q8_0", "q8_0"),
    blocks<lb::block_q8_1, 32>("q8_1", nullptr),
    blocks<lb::block_q2_K, 256>("q2_K", "q8_K"),
    blocks<lb::block_q3_K, 256>("q3_K", "q8_K"),
    blocks<lb::block_q4_K, 256>("q4_K", "q8_K"),
    blocks<lb::block_q5_K, 256>("q5_K", "q8_K"),
    blocks<lb::block_q6_K, 256>("q6_K", "q8_K"),
    blocks<lb::block_q8_K, 256>("q8_K", nullptr),
    blocks<lb::block_iq4_nl, 32>("iq4_nl", "q8_0"),
    blocks<lb::block_iq4_xs, 256>("iq4_xs", "q8_K"),
    blocks<lb::block_mxfp4, 32>("mxfp4", "q8_0"),
    {"f16", 1, 2, "f16", lb::quantize_f16, lb::dequantize_f16},
    {"bf16", 1, 2, "bf16", lb::quantize_bf16, lb::dequantize_bf16},
    {"f32", 1, 4, "f32", lb::quantize_f32, lb::dequantize_f32},
};

} // namespace

extern "C" const lb_format *lb_formats(size_t *count) {
    *count = std::size(table);
    return table;
}

extern "C" const lb_format *lb_find_format(const char *name) {
    for (const lb_format &format : table) {
        if (std::strcmp(format.name, name) == 0)
            return &format;
    }
    return nullptr;
}
