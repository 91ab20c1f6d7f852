// Where a format keeps what the cases of this check set by themselves; all else in a block is bits
// that may have any value.

#pragma once

#include <string_view>

namespace lb::check {

enum class Scale {
    half,  // 16-bit floats at the offsets `scale` and, unless negative, `minimum`
    power, // mxfp4's exponent byte at the offset `scale`
    value, // no scale: each value is a number by itself
};

struct Fields {
    std::string_view format;
    Scale kind;
    int scale, minimum;
};

// Fails (with exit code 2) for a format that is not in the table.
const Fields &fields_of(std::string_view format);

} // namespace lb::check
