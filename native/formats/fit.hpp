// How K formats and lookup formats choose scales: try some, keep the one with the least squared
// error. Values must be finite. Sums are in double, where no square of a float overflows.

#pragma once

#include "formats/blocks.hpp"
#include "formats/numbers.hpp"
#include "formats/rounding.hpp"

namespace lb {

// The scale of blocks with values that cannot be fitted.
inline constexpr half half_nan = 0x7E00;

inline bool all_finite(const float *x, int n) {
    return std::isfinite(largest(x, n));
}

// Values that can be stored: all integers of a range, by their distance from the lowest.
struct IntegerGrid {
    int low, high;

    int index(float x) const {
        return nearest(x, low, high) - low;
    }
    float value(int index) const {
        return static_cast<float>(index + low);
    }
};

// Values that can be stored: iq4's table.
struct Iq4Grid {
    static constexpr int low = iq4_values[0];

    // The number of midpoints between neighbours that x lies above.
    int index(float x) const {
        int below = 0;
        for (int i = 0; i < 15; ++i) {
            below += x > 0.5F * static_cast<float>(iq4_values[i] + iq4_values[i + 1]) ? 1 : 0;
        }
        return below;
    }
    float value(int index) const {
        return iq4_values[index];
    }
};

// The scale s that makes the sum of (x - s g)^2 small, g being the grid's values nearest to x / s.
// For a given g the best s is sum(x g) / sum(g^2), and lowers the error by sum(x g)^2 / sum(g^2).
// Tried are scales that put the largest magnitude on the grid's low end, up to an eighth nearer and
// farther; the sign follows from that.
template <class Grid> float fit_scale(const float *x, int n, const Grid &grid) {
    constexpr int steps = 16;
    const float extreme = largest(x, n);
    float best_scale = 0.0F;
    double best_gain = 0.0;
    for (int i = 0; i <= 2 * steps; ++i) {
        const int step = i % 2 == 0 ? i / 2 : -(i + 1) / 2; // 0 first: it wins among equals
        const float end = static_cast<float>(grid.low) * (1.0F + static_cast<float>(step) / 128.0F);
        const float per_scale = end / extreme;
        if (!std::isfinite(per_scale))
            return 0.0F;
        double xg = 0.0, gg = 0.0;
        for (int k = 0; k < n; ++k) {
            const double g = grid.value(grid.index(x[k] * per_scale));
            xg += x[k] * g;
            gg += g * g;
        }
        if (gg > 0.0 && xg * xg / gg > best_gain) {
            best_gain = xg * xg / gg;
            best_scale = static_cast<float>(xg / gg);
        }
    }
    return best_scale;
}

// A super-block of groups with a scale each, in units of one scale d: x = d scale g.
struct ScaledGroups {
    half d;
    int scales[super_block / 16];
    std::uint8_t indices[super_block]; // into the grid
};

// Scales are within lowest..-lowest - 1, and the largest of them is put on lowest.
template <class Grid>
ScaledGroups fit_groups(const float *x, int group, int lowest, const Grid &grid) {
    ScaledGroups out{};
    const int groups = super_block / group;
    float fitted[super_block / 16] = {};
    for (int j = 0; j < groups; ++j)
        fitted[j] = fit_scale(x + j * group, group, grid);
    out.d = float_to_half(largest(fitted, groups) / static_cast<float>(lowest));
    const float d = half_to_float(out.d);
    const float per_d = inverse(d);
    for (int j = 0; j < groups; ++j) {
        out.scales[j] = nearest(fitted[j] * per_d, lowest, -lowest - 1);
        const float per_scale = inverse(d * static_cast<float>(out.scales[j]));
        for (int i = j * group; i < (j + 1) * group; ++i) {
            out.indices[i] = static_cast<std::uint8_t>(grid.index(x[i] * per_scale));
        }
    }
    return out;
}

// A super-block of groups with a scale and a minimum each: x = d scale q - dmin min.
struct AffineGroups {
    half d, dmin;
    std::uint8_t scales[super_block / 16], mins[super_block / 16];
    std::uint8_t levels[super_block]; // q
};

// q is within 0..top; scales and minima within 0..top_scale.
AffineGroups fit_affine_groups(const float *x, int group, int top, int top_scale);

} // namespace lb
