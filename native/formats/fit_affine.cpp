#include "formats/fit.hpp"

#include <limits>

namespace lb {

namespace {

constexpr double float_max = std::numeric_limits<float>::max();

struct Line {
    double scale, min; // x = scale q - min
};

double squared_error(const float *x, int n, int top, Line line, double per_scale) {
    double error = 0.0;
    for (int i = 0; i < n; ++i) {
        const int q = nearest((x[i] + line.min) * per_scale, 0, top);
        const double off = line.scale * q - line.min - x[i];
        error += off * off;
    }
    return error;
}

// The line of least squares through (q, x), with min >= 0 as the formats demand.
Line through(const float *x, const int *q, int n) {
    double sum_q = 0.0, sum_qq = 0.0, sum_x = 0.0, sum_qx = 0.0;
    for (int i = 0; i < n; ++i) {
        const double level = q[i];
        sum_q += level;
        sum_qq += level * level;
        sum_x += x[i];
        sum_qx += level * x[i];
    }
    const double determinant = n * sum_qq - sum_q * sum_q;
    if (determinant > 0.0) {
        const Line line{(n * sum_qx - sum_q * sum_x) / determinant,
                        (sum_q * sum_qx - sum_qq * sum_x) / determinant};
        if (line.min >= 0.0)
            return line;
    }
    return {sum_qq > 0.0 ? sum_qx / sum_qq : 0.0, 0.0};
}

// The line that leaves the least squared error, of some: the values' range is divided into top - 1
// to top + 1 steps, each value rounded to the nearest level, and a line fitted to the levels.
Line fit_line(const float *x, int n, int top) {
    const Range all = range(x, n);
    const double low = std::min(all.low, 0.0F);
    const double width = all.high - low;
    if (!(width > 0.0))
        return {0.0, -low}; // one value, not above 0
    Line best{width / top, -low};
    double least = squared_error(x, n, top, best, 1.0 / best.scale);
    for (int step = -10; step <= 10; ++step) {
        const double per_scale = (top + step * 0.1) / width;
        int q[32];
        for (int i = 0; i < n; ++i)
            q[i] = nearest((x[i] - low) * per_scale, 0, top);
        const Line line = through(x, q, n);
        if (!(line.scale > 0.0))
            continue;
        const double error = squared_error(x, n, top, line, 1.0 / line.scale);
        if (error < least) {
            least = error;
            best = line;
        }
    }
    return best;
}

struct Pair {
    int scale, min;
};

// Rounded by itself, a scale or a minimum may leave more error than its neighbour does, because
// both share d and dmin with groups of other widths.
Pair nearest_pair(const float *x, int n, int top, int top_scale, float d, float dmin,
                  Pair rounded) {
    Pair best = rounded;
    double least = std::numeric_limits<double>::infinity();
    for (int scale = rounded.scale - 1; scale <= rounded.scale + 1; ++scale) {
        for (int min = rounded.min - 1; min <= rounded.min + 1; ++min) {
            if (scale < 0 || scale > top_scale || min < 0 || min > top_scale)
                continue;
            const float step = d * static_cast<float>(scale);
            const Line line{step, dmin * static_cast<float>(min)};
            const double error = squared_error(x, n, top, line, inverse(step));
            if (error < least) {
                least = error;
                best = {scale, min};
            }
        }
    }
    return best;
}

} // namespace

AffineGroups fit_affine_groups(const float *x, int group, int top, int top_scale) {
    AffineGroups out{};
    const int groups = super_block / group;
    float scales[super_block / 16] = {}, mins[super_block / 16] = {};
    for (int j = 0; j < groups; ++j) {
        const Line line = fit_line(x + j * group, group, top);
        // The line may pass the values' range a little, and that range may be all of float's.
        scales[j] = static_cast<float>(std::min(line.scale, float_max));
        mins[j] = static_cast<float>(std::min(line.min, float_max));
    }
    out.d = float_to_half(range(scales, groups).high / static_cast<float>(top_scale));
    out.dmin = float_to_half(range(mins, groups).high / static_cast<float>(top_scale));
    const float d = half_to_float(out.d), dmin = half_to_float(out.dmin);
    for (int j = 0; j < groups; ++j) {
        const float *values = x + j * group;
        const Pair pair = nearest_pair(values, group, top, top_scale, d, dmin,
                                       {nearest(scales[j] * inverse(d), 0, top_scale),
                                        nearest(mins[j] * inverse(dmin), 0, top_scale)});
        out.scales[j] = static_cast<std::uint8_t>(pair.scale);
        out.mins[j] = static_cast<std::uint8_t>(pair.min);
        const float per_scale = inverse(d * static_cast<float>(pair.scale));
        const float min = dmin * static_cast<float>(pair.min);
        for (int i = 0; i < group; ++i) {
            out.levels[j * group + i] =
                static_cast<std::uint8_t>(nearest((values[i] + min) * per_scale, 0, top));
        }
    }
    return out;
}

} // namespace lb
