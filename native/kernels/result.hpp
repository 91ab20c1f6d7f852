// Storing a result, which may lie at any address.

#pragma once

#include <cstring>

namespace lb {

// Always inlined, so that nothing of an instruction set's code is shared between kernels.
inline __attribute__((always_inline)) void put(float *s, float value) {
    std::memcpy(s, &value, sizeof value);
}

} // namespace lb
