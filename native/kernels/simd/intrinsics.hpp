// What the files that each_isa.inc compiles need, included once and outside of every namespace.

#pragma once

#include "kernels/result.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
