#include "check/cases.hpp"

#include "check/fields.hpp"

#include <cstdio>
#include <utility>

namespace lb::check {
namespace {

// Blocks in a row: odd and single ones, and around the multiples that vectors bring.
std::vector<int> lengths(const lb_format &format) {
    if (format.block_weights == 1)
        return {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 257};
    if (format.block_weights == 32)
        return {1, 2, 3, 4, 5, 6, 7, 8, 9, 17};
    return {1, 2, 3, 4, 5};
}

class Cases {
public:
    Cases(const lb_format &format, int rows, Random &random)
        : format_(format), activation_(*lb_find_format(format.activation)), rows_(rows),
          random_(random), is_value_(fields_of(format.name).kind == Scale::value),
          some_(is_value_ ? 45 : 3) {}

    std::vector<Problem> make() {
        add("random bits", some_, most_columns, Kind::ordinary, Kind::ordinary);
        add("no weights", 0, 2, Kind::ordinary, Kind::ordinary).exact = true;
        for (int blocks : lengths(format_))
            add("random bits", blocks, 2, Kind::ordinary, Kind::ordinary);
        add_long_rows();
        for (int blocks : {1, some_})
            add_kinds(blocks);
        if (!is_value_)
            add_extremes();
        return std::move(problems_);
    }

private:
    Problem &start(const char *name, int blocks, int columns) {
        problems_.push_back(
            {name, &format_, &activation_, blocks * format_.block_weights, rows_, columns, {}, {}});
        return problems_.back();
    }

    Problem &add(const char *name, int blocks, int columns, Kind weights, Kind activations,
                 Pattern pattern = Pattern::random, int byte = -1) {
        Problem &problem = start(name, blocks, columns);
        fill_weights(problem, weights, byte, random_);
        fill_activations(problem, activations, pattern, random_);
        return problem;
    }

    // Beyond what gemm, and then gemv, prepare of the activations at once; three rows of them.
    void add_long_rows() {
        const int rows = std::exchange(rows_, 3);
        add("long rows", 4096 / format_.block_weights + 1, 33, Kind::ordinary, Kind::ordinary);
        if (!is_value_)
            add("longer rows", (1 << 17) / format_.block_weights + 1, 1, Kind::ordinary,
                Kind::ordinary);
        // The longest row of today's models, and as long as rounding errors are promised to be
        // small.
        for (int n : {28672, 1 << 17})
            quantize_equal(start("equal weights", n / format_.block_weights, 2));
        rows_ = rows;
    }

    void add_kinds(int blocks) {
        add("any finite scale", blocks, 3, Kind::finite, Kind::finite);
        add("subnormal scale", blocks, 3, Kind::subnormal, Kind::ordinary);
        add("infinite scale", blocks, 3, Kind::infinite, Kind::ordinary).same_class = true;
        add("NaN scale", blocks, 3, Kind::nan, Kind::ordinary).same_class = true;
        add("infinite activation", blocks, 3, Kind::ordinary, Kind::infinite).same_class = true;
        add("NaN activation", blocks, 3, Kind::ordinary, Kind::nan).same_class = true;
        add("exact", blocks, 5, Kind::exact, Kind::exact, Pattern::small).exact = true;
        Problem &zeros = add("zero activations", blocks, 3, Kind::finite, Kind::ordinary);
        zero_activations(zeros, true, random_);
        zeros.exact = true;
        zero_activations(add("some zero activations", blocks, 3, Kind::ordinary, Kind::ordinary),
                         false, random_);
        quantize_both(start("quantized", blocks, 3), false, random_);
        Problem &positive = start("infinite scale, one sign", blocks, 3);
        quantize_both(positive, true, random_);
        set_infinite_scales(positive, random_);
        positive.same_class = true;
    }

    // Quants of the largest magnitudes, which are the first to overflow 16-bit sums.
    void add_extremes() {
        for (int byte : {0x00, 0xFF, 0x80, 0x7F, 0x0F, 0xF0, 0x55, 0xAA}) {
            for (Pattern pattern :
                 {Pattern::plus, Pattern::minus, Pattern::alternating, Pattern::pairs}) {
                char name[40];
                std::snprintf(name, sizeof name, "all weights %02X, activations %d", byte,
                              static_cast<int>(pattern));
                add(name, 2, 2, Kind::ordinary, Kind::ordinary, pattern, byte);
            }
        }
    }

    const lb_format &format_, &activation_;
    int rows_;
    Random &random_;
    bool is_value_;
    int some_;
    std::vector<Problem> problems_;
};

} // namespace

std::vector<Problem> problems(const lb_format &format, int rows, Random &random) {
    return Cases(format, rows, random).make();
}

} // namespace lb::check
