// From floats to small integers, defined for every float: NaN and infinities too.

#pragma once

#include <algorithm>
#include <cmath>

namespace lb {

// The value of largest magnitude, the first of equals; NaN if there is one.
inline float largest(const float *x, int n) {
    float found = 0.0F;
    for (int i = 0; i < n; ++i) {
        if (std::isnan(x[i]))
            return x[i];
        if (std::fabs(x[i]) > std::fabs(found))
            found = x[i];
    }
    return found;
}

struct Range {
    float low, high;
};

// Least and greatest value; both NaN if there is one.
inline Range range(const float *x, int n) {
    Range found{x[0], x[0]};
    for (int i = 0; i < n; ++i) {
        if (std::isnan(x[i]))
            return {x[i], x[i]};
        found.low = std::min(found.low, x[i]);
        found.high = std::max(found.high, x[i]);
    }
    return found;
}

// 1 / x, and 0 where that is not finite or not a number: nothing can be scaled by such an x.
inline float inverse(float x) {
    const float result = 1.0F / x;
    return std::isfinite(result) ? result : 0.0F;
}

// Nearest integer within limits, ties to even; 0 for NaN.
inline int nearest(double x, int low, int high) {
    if (std::isnan(x))
        return 0;
    return static_cast<int>(
        std::lrint(std::clamp(x, static_cast<double>(low), static_cast<double>(high))));
}

// Nearest integer within limits, ties away from zero; 0 for NaN.
inline int nearest_away(float x, int low, int high) {
    if (std::isnan(x))
        return 0;
    return static_cast<int>(
        std::round(std::clamp(x, static_cast<float>(low), static_cast<float>(high))));
}

} // namespace lb
