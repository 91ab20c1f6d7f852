// What the bytes and the operands of one instruction say: its encoding form and operand class.
//
// Forms and classes are the columns of the data files in llamabuild/inspect: a rule names a
// mnemonic, the forms it speaks of, and where one mnemonic means two things, the operand class.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace llamabuild::isa {

struct Form {
    unsigned form;
    unsigned operands;
    bool vector;
};

inline constexpr unsigned class_count = 3;
inline constexpr unsigned form_count = 7;

struct Bytes {
    std::array<std::uint8_t, 16> at{};
    std::size_t size = 0;
};

namespace x86 {

inline constexpr std::array<std::string_view, form_count> forms{
    "legacy2", "legacy3", "vex128", "vex256", "evex128", "evex256", "evex512"};
inline constexpr std::array<std::string_view, class_count> classes{"reg", "mem", "mm"};

// XOP has no group, and its 8f escape is shared with pop, so it needs no form of its own.
enum : unsigned { legacy2, legacy3, vex128, vex256, evex128, evex256, evex512 };
enum : unsigned { reg, mem, mm };

inline bool is_legacy_prefix(std::uint8_t byte) {
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65: // segments
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

inline unsigned form_of(const Bytes &bytes) {
    const auto &at = bytes.at;
    std::size_t i = 0;
    while (i < bytes.size && is_legacy_prefix(at[i])) {
        ++i;
    }
    const std::size_t left = bytes.size - i;
    if (left >= 3 && at[i] == 0xc5) {
        return (at[i + 1] & 0x04) != 0 ? vex256 : vex128;
    }
    if (left >= 4 && at[i] == 0xc4) {
        return (at[i + 2] & 0x04) != 0 ? vex256 : vex128;
    }
    if (left >= 6 && at[i] == 0x62) {
        const bool registers_only = (at[i + 5] & 0xc0) == 0xc0;
        const bool rounding = (at[i + 3] & 0x10) != 0;
        if (registers_only && rounding) {
            return evex512; // L'L holds the rounding mode; the length is that of the full register
        }
        const unsigned length = (at[i + 3] >> 5) & 3;
        return length == 0 ? evex128 : length == 1 ? evex256 : evex512;
    }
    if (left >= 1 && (at[i] & 0xf0) == 0x40) {
        ++i; // REX
    }
    const bool three_byte_map =
        i + 1 < bytes.size && at[i] == 0x0f && (at[i + 1] == 0x38 || at[i + 1] == 0x3a);
    return three_byte_map ? legacy3 : legacy2;
}

inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
inline bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_';
}

inline Form classify(const Bytes &bytes, std::string_view operands) {
    Form result{form_of(bytes), reg, false};
    bool at_word_start = true;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const char c = operands[i];
        if (c == '#' || c == '<') {
            break; // a comment or a symbol: its text is not ours to read
        }
        if (c == '[') {
            result.operands = result.operands == mm ? mm : mem;
        }
        if (at_word_start && i + 1 < operands.size()) {
            const char d = operands[i + 1];
            if (c == 'k' && d >= '0' && d <= '7' &&
                (i + 2 == operands.size() || !is_word(operands[i + 2]))) {
                result.vector = true;
            } else if (c == 'm' && d == 'm' && i + 2 < operands.size() &&
                       is_digit(operands[i + 2])) {
                result.vector = true;
                result.operands = mm;
            } else if (c >= 't' && c <= 'z' && d == 'm' && i + 3 < operands.size() &&
                       operands[i + 2] == 'm' && is_digit(operands[i + 3])) {
                result.vector = true;
            }
        }
        at_word_start = !is_word(c);
    }
    return result;
}

} // namespace x86

namespace aarch64 {

inline constexpr std::array<std::string_view, form_count> forms{
    "general", "scalar", "scalar_half", "neon", "neon_half", "sve", "sme"};
inline constexpr std::array<std::string_view, class_count> classes{"reg", "pred", "imm"};

enum : unsigned { general, scalar, scalar_half, neon, neon_half, sve, sme };
enum : unsigned { reg, pred, imm };

// The registers that an Advanced SIMD or floating-point instruction names.
inline unsigned simd_form(std::string_view operands) {
    bool whole = false;
    bool half = false;
    bool at_word_start = true;
    for (std::size_t i = 0; i + 1 < operands.size(); ++i) {
        const char c = operands[i];
        if (c == '/' || c == '<' || c == ';') {
            break;
        }
        if (at_word_start && x86::is_digit(operands[i + 1])) {
            whole |= c == 'v' || c == 'q';
            half |= c == 'h';
        }
        if (c == '.') {
            const std::string_view arrangement = operands.substr(i + 1, 2);
            half |= arrangement.starts_with("h") || arrangement == "2h" || arrangement == "4h" ||
                    arrangement == "8h";
        }
        at_word_start = !x86::is_word(c) && c != '.';
    }
    return whole ? (half ? neon_half : neon) : (half ? scalar_half : scalar);
}

inline Form classify(const Bytes &bytes, std::string_view operands) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        word |= std::uint32_t{bytes.at[i]} << (8 * i);
    }
    // Top-level table of the A64 encodings: bits 28..25, with bit 31 for SME, bit 26 for SIMD&FP.
    const unsigned space = word >> 25 & 0xf;
    const bool simd = (word >> 26 & 1) != 0;
    unsigned form = general;
    if (space == 0b0010) {
        form = sve;
    } else if (space == 0 && (word >> 31) != 0) {
        form = sme;
    } else if ((space & 0b0111) == 0b0111 || ((space & 0b0101) == 0b0100 && simd)) {
        form = simd_form(operands);
    }
    const bool predicated = operands.find("/m") != std::string_view::npos ||
                            operands.find("/z") != std::string_view::npos;
    const bool immediate = operands.find('#') != std::string_view::npos;
    return {form, predicated ? pred : immediate ? imm : reg, form >= neon};
}

} // namespace aarch64

} // namespace llamabuild::isa
