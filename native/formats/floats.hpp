// Whole rows of f16, bf16 and f32; the 16-bit ones are rounded to nearest, ties to even.

#pragma once

#include <cstdint>

namespace lb {

void quantize_f16(const float *values, void *halves, std::int64_t n);
void quantize_bf16(const float *values, void *halves, std::int64_t n);
void quantize_f32(const float *values, void *floats, std::int64_t n);

void dequantize_f16(const void *halves, float *values, std::int64_t n);
void dequantize_bf16(const void *halves, float *values, std::int64_t n);
void dequantize_f32(const void *floats, float *values, std::int64_t n);

} // namespace lb
