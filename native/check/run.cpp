#include "check/run.hpp"

#include "check/cases.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace lb::check {

char at[256] = "";

namespace {

constexpr std::uint8_t untouched = 0xA5;
constexpr std::size_t kept_complaints = 3;

std::size_t at_row(const Problem &problem, int row) {
    return static_cast<std::size_t>(row) * problem.row_bytes();
}

std::size_t at_column(const Problem &problem, int column) {
    return static_cast<std::size_t>(column) * problem.column_bytes();
}

float load(const float *p) { // p may be at any address
    float value;
    std::memcpy(&value, p, sizeof value);
    return value;
}

bool is_untouched(const float *p) {
    float value;
    std::memset(&value, untouched, sizeof value);
    return std::memcmp(p, &value, sizeof value) == 0;
}

// Rows that so many take in whole panels.
int padded(int rows, const lb_packing &packing) {
    return (rows + packing.panel_rows - 1) / packing.panel_rows * packing.panel_rows;
}

bool are_zero_weights(const Problem &problem, const std::uint8_t *blocks, int rows) {
    std::vector<float> weights(static_cast<std::size_t>(rows) * problem.n, 1.0F);
    problem.format->dequantize(blocks, weights.data(), static_cast<std::int64_t>(weights.size()));
    return std::all_of(weights.begin(), weights.end(), [](float w) { return w == 0; });
}

void say(const Outcome &outcome, const Problem &problem, int columns, int rows) {
    std::snprintf(at, sizeof at, "%s, %s, %d blocks, %d columns, %d rows", outcome.name.c_str(),
                  problem.name.c_str(), problem.n / problem.format->block_weights, columns, rows);
}

std::vector<int> row_counts(int panel, bool all) {
    if (!all)
        return {2 * panel + 3};
    return {1, panel - 1, panel, panel + 1, 2 * panel, 2 * panel + 3, 3 * panel, 4 * panel + 3};
}

std::vector<int> column_counts(const lb_kernel &kernel, const Problem &problem) {
    if (kernel.shape == LB_GEMV)
        return {1};
    if (problem.columns < most_columns)
        return {problem.columns};
    std::vector<int> counts;
    for (int i = 1; i <= 17; ++i)
        counts.push_back(i);
    counts.insert(counts.end(), {32, most_columns});
    return counts;
}

} // namespace

void Outcome::note(const std::string &what) {
    ++wrong;
    if (complaints.size() < kept_complaints)
        complaints.push_back(std::string(at) + ": " + what);
}

void Outcome::note(int row, int column, const std::string &what) {
    char place[64];
    std::snprintf(place, sizeof place, "row %d, column %d: ", row, column);
    note(place + what);
}

Runner::Runner(std::size_t capacity, std::uint64_t seed)
    : random_(seed), weights_(capacity), packed_(capacity), activations_(capacity),
      output_(std::size_t{1} << 16) {}

float *Runner::output(std::size_t count) {
    const std::size_t bytes = count * sizeof(float);
    std::uint8_t *s = output_.place(bytes, random_);
    output_.fill(untouched, s, s + bytes);
    return reinterpret_cast<float *>(s);
}

void Runner::check_outside(const float *begin, const float *end, Outcome &outcome) {
    if (!output_.is_filled_around(untouched, reinterpret_cast<const std::uint8_t *>(begin),
                                  reinterpret_cast<const std::uint8_t *>(end)))
        outcome.note("it wrote outside of its results");
}

void Runner::vec_dot(const lb_kernel &kernel, const Problem &problem, const Expected &expected,
                     Outcome &outcome) {
    say(outcome, problem, problem.columns, problem.rows);
    for (int column = 0; column < problem.columns; ++column) {
        const std::uint8_t *y =
            activations_.place(problem.activations.data() + at_column(problem, column),
                               problem.column_bytes(), random_);
        for (int row = 0; row < problem.rows; ++row) {
            const std::uint8_t *x = weights_.place(problem.weights.data() + at_row(problem, row),
                                                   problem.row_bytes(), random_);
            float *s = output(1);
            kernel.run.vec_dot(problem.n, s, 0, x, 0, y, 0, 1);
            ++outcome.results;
            check_outside(s, s + 1, outcome);
            if (const auto why = complaint(problem, expected, row, column, load(s)); !why.empty())
                outcome.note(row, column, why);
        }
    }
}

const std::uint8_t *Runner::pack(const lb_packing &packing, const Problem &problem, int rows,
                                 Outcome &outcome) {
    const std::uint8_t *x = weights_.place(problem.weights.data(), at_row(problem, rows), random_);
    const std::size_t bytes = at_row(problem, padded(rows, packing));
    std::uint8_t *packed = packed_.place(bytes, random_);
    packed_.fill(untouched, packed, packed + bytes);
    packing.pack(problem.n, rows, x, packed);
    if (!packed_.is_filled_around(untouched, packed, packed + bytes))
        outcome.note("pack wrote outside of the panels");
    return packed;
}

void Runner::gemm(const lb_kernel &kernel, const std::uint8_t *packed, const Problem &problem,
                  const Expected &expected, int first, int columns, int rows, Outcome &outcome) {
    const std::uint8_t *y =
        activations_.place(problem.activations.data() + at_column(problem, first),
                           static_cast<std::size_t>(columns) * problem.column_bytes(), random_);
    const std::size_t stride = static_cast<std::size_t>(rows + random_.between(0, 9));
    const std::size_t count = static_cast<std::size_t>(columns - 1) * stride + rows;
    float *s = output(count);
    kernel.run.gemm(problem.n, s, stride, packed, y, columns, rows);
    check_outside(s, s + count, outcome);
    for (std::size_t i = 0; i < count; ++i) {
        const int column = static_cast<int>(i / stride), row = static_cast<int>(i % stride);
        if (row >= rows) {
            if (!is_untouched(s + i))
                outcome.note("it wrote between the results of two columns");
            continue;
        }
        ++outcome.results;
        if (const auto why = complaint(problem, expected, row, first + column, load(s + i));
            !why.empty())
            outcome.note(row, first + column, why);
    }
}

void Runner::panels(const lb_kernel &kernel, const lb_packing &packing, const Problem &problem,
                    const Expected &expected, Outcome &outcome) {
    for (int rows : row_counts(packing.panel_rows, problem.columns == most_columns)) {
        rows = std::min(rows, problem.rows);
        say(outcome, problem, problem.columns, rows);
        const std::uint8_t *packed = pack(packing, problem, rows, outcome);
        for (int columns : column_counts(kernel, problem)) {
            // Each column once for the small problems, so that gemv meets all kinds of them.
            const int last = problem.columns == most_columns ? 0 : problem.columns - columns;
            for (int first = 0; first <= last; ++first) {
                say(outcome, problem, columns, rows);
                gemm(kernel, packed, problem, expected, first, columns, rows, outcome);
            }
        }
    }
}

void Runner::round_trip(const lb_packing &packing, const Problem &problem, Outcome &outcome) {
    for (int rows : row_counts(packing.panel_rows, true)) {
        rows = std::min(rows, problem.rows);
        say(outcome, problem, 0, rows);
        const std::uint8_t *packed = pack(packing, problem, rows, outcome);
        const std::size_t bytes = at_row(problem, rows);
        std::uint8_t *back = weights_.place(bytes, random_);
        weights_.fill(untouched, back, back + bytes);
        packing.unpack(problem.n, rows, packed, back);
        ++outcome.results;
        if (!std::equal(back, back + bytes, problem.weights.data()))
            outcome.note("unpacked rows differ from those that were packed");
        if (!weights_.is_filled_around(untouched, back, back + bytes))
            outcome.note("unpack wrote outside of the rows");
        const int all = padded(rows, packing);
        std::vector<std::uint8_t> panels(at_row(problem, all));
        packing.unpack(problem.n, all, packed, panels.data());
        if (!are_zero_weights(problem, panels.data() + bytes, all - rows))
            outcome.note("the rows that fill the last panel are not zero weights");
    }
}

} // namespace lb::check
