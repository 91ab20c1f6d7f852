// What a problem's results have to be, in double precision from the values that the blocks stand
// for.

#pragma once

#include "check/problem.hpp"

#include "kernels/kernel.h"

#include <string>
#include <vector>

namespace lb::check {

// Of row r and column c, at [c * rows + r].
struct Expected {
    int rows;
    std::vector<double> value;
    // Sum of the absolute terms: of scale * quant * activation and of minimum * activation.
    std::vector<double> terms;
    // What the format's scalar vec_dot gives, which says what becomes of infinities and NaNs.
    std::vector<float> reference;
};

// reference: the scalar vec_dot of the format.
Expected expect(const Problem &problem, lb_vec_dot reference);

// Why a result is wrong, or nothing.
std::string complaint(const Problem &problem, const Expected &expected, int row, int column,
                      float result);

} // namespace lb::check
