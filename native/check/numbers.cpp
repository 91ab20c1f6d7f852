#include "check/numbers.hpp"

#include "formats/numbers.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

namespace lb::check {
namespace {

float ordinary(Random &random) {
    const float fraction = 1.0F + static_cast<float>(random.between(0, 4095)) / 4096.0F;
    return random.sign() * std::ldexp(fraction, random.between(-8, 0));
}

} // namespace

half random_half(Kind kind, Random &random) {
    const auto sign = static_cast<half>(random.bits() << 15);
    switch (kind) {
    case Kind::finite:
        return static_cast<half>(sign | random.between(0, 0x7BFF));
    case Kind::exact:
        return static_cast<half>(sign | (random.one_in(2) ? 0x3C00 : 0x3800)); // 1, 1/2
    case Kind::subnormal:
        return static_cast<half>(sign | random.between(0, 0x3FF));
    case Kind::infinite:
        return static_cast<half>(sign | 0x7C00);
    case Kind::nan:
        return static_cast<half>(sign | 0x7C00 | random.between(1, 0x3FF));
    case Kind::ordinary:
        break;
    }
    return float_to_half(ordinary(random));
}

std::uint8_t random_power(Kind kind, Random &random) {
    switch (kind) {
    case Kind::finite:
        return static_cast<std::uint8_t>(random.between(60, 190));
    case Kind::exact:
        return static_cast<std::uint8_t>(random.between(127, 128));
    case Kind::subnormal:
        return static_cast<std::uint8_t>(random.between(0, 2));
    case Kind::infinite:
    case Kind::nan: // neither is among ggml's values: the largest
        return static_cast<std::uint8_t>(random.between(253, 255));
    case Kind::ordinary:
        break;
    }
    return static_cast<std::uint8_t>(random.between(120, 128));
}

std::uint32_t random_value(char const *format, Kind kind, Random &random) {
    const std::string_view name = format;
    float value = 0;
    switch (kind) {
    case Kind::ordinary:
        value = ordinary(random);
        break;
    case Kind::finite: // products of two have to be finite too
        value = std::ldexp(ordinary(random),
                           name == "f16" ? random.between(-16, 14) : random.between(-40, 40));
        break;
    case Kind::exact:
        value = static_cast<float>(random.between(-31, 31));
        break;
    case Kind::subnormal:
        if (name == "f32")
            return static_cast<std::uint32_t>(random.between(1, 0x7FFFFF));
        return static_cast<std::uint32_t>(random.between(1, name == "f16" ? 0x3FF : 0x7F));
    case Kind::infinite:
        value = random.sign() * std::numeric_limits<float>::infinity();
        break;
    case Kind::nan:
        value = std::numeric_limits<float>::quiet_NaN();
        break;
    }
    if (name == "f16")
        return float_to_half(value);
    return name == "bf16" ? float_to_bf16(value) : std::bit_cast<std::uint32_t>(value);
}

} // namespace lb::check
