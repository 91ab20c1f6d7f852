// Bytes that come from Python, checked against a format before anything reads them.

#pragma once

#include "formats/format.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>

namespace lb {

inline const lb_format &format_named(const std::string &name) {
    const lb_format *format = lb_find_format(name.c_str());
    if (format == nullptr)
        throw pybind11::value_error("no format is called '" + name + "'");
    return *format;
}

inline const lb_format &activation_of(const lb_format &format) {
    if (format.activation == nullptr)
        throw pybind11::value_error(std::string(format.name) +
                                    " is a format of activations: it has no dot product");
    return format_named(format.activation);
}

// Bytes of n values in a format.
inline std::size_t bytes_of(const lb_format &format, int n) {
    return static_cast<std::size_t>(n / format.block_weights) * format.block_bytes;
}

// The values that so many bytes hold. `what` names the bytes in the error.
inline int values_in(const lb_format &format, std::size_t bytes, const char *what) {
    const std::size_t blocks = bytes / format.block_bytes;
    if (blocks == 0 || bytes % format.block_bytes != 0)
        throw pybind11::value_error(
            std::string(what) + " of " + std::to_string(bytes) + " bytes: expected a multiple of " +
            std::to_string(format.block_bytes) + " bytes, which hold " +
            std::to_string(format.block_weights) + " values of " + format.name);
    if (blocks > static_cast<std::size_t>(INT_MAX) / format.block_weights)
        throw pybind11::value_error(std::string(what) + " is longer than " +
                                    std::to_string(INT_MAX) + " values");
    return static_cast<int>(blocks) * format.block_weights;
}

inline void expect(bool holds, const char *what, std::size_t expected, std::size_t found,
                   const char *unit) {
    if (!holds)
        throw pybind11::value_error(std::string(what) + ": expected " + std::to_string(expected) +
                                    " " + unit + ", found " + std::to_string(found));
}

// An array of bytes with so many axes, of which the last is contiguous, and so are the rows when
// `packed` is set.
inline void expect_bytes(const pybind11::array &array, const char *what, int axes, bool packed) {
    if (!pybind11::isinstance<pybind11::array_t<std::uint8_t>>(array))
        throw pybind11::value_error(std::string(what) + ": expected bytes (uint8), found " +
                                    static_cast<std::string>(pybind11::str(array.dtype())));
    expect(array.ndim() == axes, what, axes, array.ndim(), "axes");
    if (array.size() == 0)
        return;
    if (array.strides(axes - 1) != 1 && array.shape(axes - 1) > 1)
        throw pybind11::value_error(std::string(what) + ": expected contiguous bytes");
    if (packed && axes == 2 && array.shape(0) > 1 && array.strides(0) != array.shape(1))
        throw pybind11::value_error(std::string(what) + ": expected rows without gaps");
}

inline const std::uint8_t *bytes(const pybind11::array &array) {
    return static_cast<const std::uint8_t *>(array.data());
}

} // namespace lb
