#include "check/expected.hpp"

#include "check/fields.hpp"

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace lb::check {
namespace {

constexpr double tolerance = 1e-5;      // of the sum of absolute terms
constexpr double float_range = 0x1p120; // beyond, some order of the operations overflows
constexpr double underflow = 0x1p-135; // a term: the rounding of a subnormal product, times a quant

std::vector<float> dequantize(const lb_format &format, const std::vector<std::uint8_t> &bytes) {
    std::vector<float> values(bytes.size() / format.block_bytes *
                              static_cast<std::size_t>(format.block_weights));
    format.dequantize(bytes.data(), values.data(), static_cast<std::int64_t>(values.size()));
    return values;
}

// The values of the same blocks with 0 for the scale or minimum at that offset.
std::vector<float> dequantize_without(const lb_format &format, std::vector<std::uint8_t> bytes,
                                      int offset) {
    for (std::size_t at = 0; at < bytes.size(); at += format.block_bytes)
        std::memset(&bytes[at + static_cast<std::size_t>(offset)], 0, sizeof(half));
    return dequantize(format, bytes);
}

// What a minimum of block b is multiplied by, spread over the block's values: they themselves, or
// q8_1's own rounded sum.
std::vector<float> for_minima(const Problem &problem, const std::vector<float> &values) {
    if (std::string_view(problem.activation->name) != "q8_1")
        return values;
    std::vector<float> shares(values.size(), 0.0F);
    for (std::size_t i = 0; i < values.size(); i += 32) {
        block_q8_1 block;
        std::memcpy(&block, &problem.activations[i / 32 * sizeof block], sizeof block);
        shares[i] = half_to_float(block.s);
    }
    return shares;
}

const char *class_of(float x) {
    if (std::isnan(x))
        return "NaN";
    if (std::isinf(x))
        return x < 0 ? "-inf" : "inf";
    return "finite";
}

} // namespace

Expected expect(const Problem &problem, lb_vec_dot reference) {
    const Fields &fields = fields_of(problem.format->name);
    const bool has_minimum = fields.minimum >= 0;
    std::vector<float> scaled, minima;
    if (has_minimum) {
        scaled = dequantize_without(*problem.format, problem.weights, fields.minimum);
        minima = dequantize_without(*problem.format, problem.weights, fields.scale);
    } else {
        scaled = dequantize(*problem.format, problem.weights);
    }
    const std::vector<float> values = dequantize(*problem.activation, problem.activations);
    const std::vector<float> others = for_minima(problem, values);
    Expected expected{problem.rows, {}, {}, {}};
    for (int column = 0; column < problem.columns; ++column) {
        for (int row = 0; row < problem.rows; ++row) {
            const std::size_t w = static_cast<std::size_t>(row) * problem.n;
            const std::size_t a = static_cast<std::size_t>(column) * problem.n;
            double sum = 0, terms = 0;
            for (int i = 0; i < problem.n; ++i) {
                const double term = static_cast<double>(scaled[w + i]) * values[a + i];
                const double other =
                    has_minimum ? static_cast<double>(minima[w + i]) * others[a + i] : 0.0;
                sum += term + other;
                terms += std::fabs(term) + std::fabs(other);
            }
            float result;
            reference(problem.n, &result, 0,
                      problem.weights.data() + static_cast<std::size_t>(row) * problem.row_bytes(),
                      0,
                      problem.activations.data() +
                          static_cast<std::size_t>(column) * problem.column_bytes(),
                      0, 1);
            expected.value.push_back(sum);
            expected.terms.push_back(terms);
            expected.reference.push_back(result);
        }
    }
    return expected;
}

std::string complaint(const Problem &problem, const Expected &expected, int row, int column,
                      float result) {
    const std::size_t at = static_cast<std::size_t>(column) * expected.rows + row;
    const double value = expected.value[at], terms = expected.terms[at];
    char text[200];
    if (std::isfinite(terms) && terms > float_range)
        return {};
    if (!std::isfinite(terms)) {
        const float reference = expected.reference[at];
        const std::string_view want = class_of(reference), got = class_of(result);
        if (want == got ||
            (!problem.same_class && !std::isfinite(reference) && !std::isfinite(result)))
            return {};
        std::snprintf(text, sizeof text, "%g instead of %g", result, reference);
        return text;
    }
    const double allowed = problem.exact ? 0 : tolerance * terms + underflow * problem.n;
    if (std::fabs(result - value) <= allowed) // false for a NaN
        return {};
    std::snprintf(text, sizeof text, "%.9g instead of %.9g (allowed error %.3g)", result, value,
                  allowed);
    return text;
}

} // namespace lb::check
