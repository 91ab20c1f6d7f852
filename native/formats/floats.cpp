#include "formats/floats.hpp"

#include "formats/numbers.hpp"

#include <cstring>

namespace lb {

namespace {

// Through memcpy, because the 16-bit side may lie at any address.
template <std::uint16_t (*convert)(float)>
void narrow(const float *values, void *halves, std::int64_t n) {
    auto *bytes = static_cast<unsigned char *>(halves);
    for (std::int64_t i = 0; i < n; ++i) {
        const std::uint16_t bits = convert(values[i]);
        std::memcpy(bytes + 2 * i, &bits, 2);
    }
}

template <float (*convert)(std::uint16_t)>
void widen(const void *halves, float *values, std::int64_t n) {
    const auto *bytes = static_cast<const unsigned char *>(halves);
    for (std::int64_t i = 0; i < n; ++i) {
        std::uint16_t bits;
        std::memcpy(&bits, bytes + 2 * i, 2);
        values[i] = convert(bits);
    }
}

void copy(const void *from, void *to, std::int64_t n) {
    if (n > 0)
        std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(float));
}

} // namespace

void quantize_f16(const float *values, void *halves, std::int64_t n) {
    narrow<float_to_half>(values, halves, n);
}

void quantize_bf16(const float *values, void *halves, std::int64_t n) {
    narrow<float_to_bf16>(values, halves, n);
}

void quantize_f32(const float *values, void *floats, std::int64_t n) {
    copy(values, floats, n);
}

void dequantize_f16(const void *halves, float *values, std::int64_t n) {
    widen<half_to_float>(halves, values, n);
}

void dequantize_bf16(const void *halves, float *values, std::int64_t n) {
    widen<bf16_to_float>(halves, values, n);
}

void dequantize_f32(const void *floats, float *values, std::int64_t n) {
    copy(floats, values, n);
}

} // namespace lb
