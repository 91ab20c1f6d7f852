#include "check/fields.hpp"
#include "check/problem.hpp"

#include <cstring>

namespace lb::check {
namespace {

bool is_special(Kind kind) {
    return kind == Kind::infinite || kind == Kind::nan;
}

void set_half(std::uint8_t *block, int offset, Kind kind, Random &random) {
    const half bits = random_half(kind, random);
    std::memcpy(block + offset, &bits, sizeof bits);
}

void set_scales(std::uint8_t *block, const Fields &fields, Kind kind, Random &random) {
    if (fields.kind == Scale::power) {
        block[fields.scale] = random_power(kind, random);
        return;
    }
    set_half(block, fields.scale, kind, random);
    // A special minimum beside an ordinary scale, or the other way round.
    const Kind rest = is_special(kind) ? Kind::ordinary : kind;
    if (fields.minimum >= 0)
        set_half(block, fields.minimum, rest, random);
    if (is_special(kind) && fields.minimum >= 0 && random.one_in(2)) {
        set_half(block, fields.scale, rest, random);
        set_half(block, fields.minimum, kind, random);
    }
}

} // namespace

void fill_weights(Problem &problem, Kind kind, int byte, Random &random) {
    const lb_format &format = *problem.format;
    const Fields &fields = fields_of(format.name);
    const int blocks = problem.n / format.block_weights;
    problem.weights.resize(static_cast<std::size_t>(problem.rows) * problem.row_bytes());
    std::uint8_t *block = problem.weights.data();
    for (int row = 0; row < problem.rows; ++row) {
        // Of special numbers one a row, and none in every third row.
        const int special = blocks == 0 || row % 3 == 2 ? -1 : random.between(0, blocks - 1);
        for (int b = 0; b < blocks; ++b, block += format.block_bytes) {
            const Kind here = is_special(kind) && b != special ? Kind::ordinary : kind;
            if (fields.kind == Scale::value) {
                const std::uint32_t bits = random_value(format.name, here, random);
                std::memcpy(block, &bits, format.block_bytes);
                continue;
            }
            for (std::size_t i = 0; i < format.block_bytes; ++i)
                block[i] = byte < 0 ? random.byte() : static_cast<std::uint8_t>(byte);
            set_scales(block, fields, here, random);
        }
    }
}

void set_infinite_scales(Problem &problem, Random &random) {
    const lb_format &format = *problem.format;
    const Fields &fields = fields_of(format.name);
    if (fields.kind != Scale::half)
        return;
    for (int row = 0; row < problem.rows; ++row) {
        const auto block =
            static_cast<std::size_t>(random.between(0, problem.n / format.block_weights - 1));
        std::uint8_t *first = &problem.weights[static_cast<std::size_t>(row) * problem.row_bytes()];
        set_half(first + block * format.block_bytes, fields.scale, Kind::infinite, random);
    }
}

void quantize_both(Problem &problem, bool positive, Random &random) {
    const auto make = [&](const lb_format &format, int count, std::vector<std::uint8_t> &bytes) {
        std::vector<float> values(static_cast<std::size_t>(count) * problem.n);
        for (float &value : values) {
            const float unit = static_cast<float>(random.between(0, 1 << 20)) * 0x1p-20F;
            value = positive ? 1.0F + unit : 2.0F * unit - 1.0F;
        }
        bytes.resize(values.size() / static_cast<std::size_t>(format.block_weights) *
                     format.block_bytes);
        format.quantize(values.data(), bytes.data(), static_cast<std::int64_t>(values.size()));
    };
    make(*problem.format, problem.rows, problem.weights);
    make(*problem.activation, problem.columns, problem.activations);
}

void quantize_equal(Problem &problem) {
    const auto make = [&](const lb_format &format, int count, float step,
                          std::vector<std::uint8_t> &bytes) {
        const auto n = static_cast<std::size_t>(problem.n);
        const std::size_t row_bytes =
            n / static_cast<std::size_t>(format.block_weights) * format.block_bytes;
        bytes.resize(row_bytes * static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) {
            const std::vector<float> values(n, 1.0F + step * static_cast<float>(i));
            format.quantize(values.data(), bytes.data() + row_bytes * static_cast<std::size_t>(i),
                            problem.n);
        }
    };
    make(*problem.format, problem.rows, 0.37F, problem.weights);
    make(*problem.activation, problem.columns, 0.21F, problem.activations);
}

} // namespace lb::check
