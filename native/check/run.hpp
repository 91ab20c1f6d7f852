// Runs one kernel on problems, with every argument in guarded memory.

#pragma once

#include "check/expected.hpp"
#include "check/guard.hpp"
#include "check/problem.hpp"

#include "kernels/kernel.h"

#include <string>
#include <utility>
#include <vector>

namespace lb::check {

// What the check is at, for the handler of signals.
extern char at[256];

struct Outcome {
    explicit Outcome(std::string kernel) : name(std::move(kernel)) {}

    std::string name; // of the kernel or packing
    long results = 0, wrong = 0;
    std::vector<std::string> complaints; // the first few

    void note(const std::string &what);
    void note(int row, int column, const std::string &what);
};

class Runner {
public:
    Runner(std::size_t capacity, std::uint64_t seed);

    void vec_dot(const lb_kernel &kernel, const Problem &problem, const Expected &expected,
                 Outcome &outcome);
    // gemv: for counts of rows; gemm: also for counts of columns; all of them if the problem has
    // many columns.
    void panels(const lb_kernel &kernel, const lb_packing &packing, const Problem &problem,
                const Expected &expected, Outcome &outcome);
    // Packing and then unpacking gives the rows back, whatever their bits, and rows of zero weights
    // up to a whole panel.
    void round_trip(const lb_packing &packing, const Problem &problem, Outcome &outcome);

private:
    float *output(std::size_t count);
    void check_outside(const float *begin, const float *end, Outcome &outcome);
    const std::uint8_t *pack(const lb_packing &packing, const Problem &problem, int rows,
                             Outcome &outcome);
    void gemm(const lb_kernel &kernel, const std::uint8_t *packed, const Problem &problem,
              const Expected &expected, int first, int columns, int rows, Outcome &outcome);

    Random random_;
    Guarded weights_, packed_, activations_, output_;
};

} // namespace lb::check
