// The problems that a format's kernels are checked on.

#pragma once

#include "check/problem.hpp"

#include <vector>

namespace lb::check {

// Columns of the first problem, which gemm is run on with every count of columns and rows.
inline constexpr int most_columns = 64;

// rows: in each problem, at least 3.
std::vector<Problem> problems(const lb_format &format, int rows, Random &random);

} // namespace lb::check
