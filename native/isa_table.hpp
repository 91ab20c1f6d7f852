// From a mnemonic and its form to ISA groups: the data files, made quick to look up.

#pragma once

#include "isa_form.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace llamabuild::isa {

using Mask = std::uint64_t;

inline constexpr std::size_t group_limit = 56;
inline constexpr Mask group_bits = (Mask{1} << group_limit) - 1;
inline constexpr Mask listed = Mask{1} << 61;    // the mnemonic has a rule: no fallback
inline constexpr Mask exempt = Mask{1} << 62;    // not counted in the groups of every instruction
inline constexpr Mask no_vector = Mask{1} << 63; // touches no vector register, whatever its group

struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

struct Rule {
    std::string mnemonics; // separated by blanks
    unsigned forms;        // bit set
    unsigned classes;      // bit set
    Mask effect;
};

struct Verdict {
    Mask groups;
    bool vector;
};

struct Row {
    std::array<Mask, form_count * class_count> cells{};
    bool prefix = false;
};

class Table {
public:
    Table(const std::string &architecture, const std::vector<Rule> &rules,
          std::vector<Mask> otherwise, std::vector<Mask> every,
          const std::vector<std::string> &prefixes)
        : aarch64_(architecture == "aarch64"), otherwise_(std::move(otherwise)),
          every_(std::move(every)) {
        if (otherwise_.size() != form_count || every_.size() != form_count) {
            throw std::invalid_argument("one mask for each form is needed");
        }
        for (const Rule &rule : rules) {
            add(rule);
        }
        for (const std::string &prefix : prefixes) {
            rows_[prefix].prefix = true;
        }
    }

    // The row of a mnemonic or prefix word; null without rules.
    const Row *find(std::string_view word) const {
        const auto found = rows_.find(word);
        return found == rows_.end() ? nullptr : &found->second;
    }

    static bool is_prefix(std::string_view word, const Row *row) {
        return word.starts_with('{') || word.starts_with("rex") || (row != nullptr && row->prefix);
    }

    Verdict judge(const Bytes &bytes, const Row *row, std::string_view operands) const {
        const Form form =
            aarch64_ ? aarch64::classify(bytes, operands) : x86::classify(bytes, operands);
        const Mask cell = row == nullptr ? 0 : row->cells[form.form * class_count + form.operands];
        Mask groups = cell & group_bits;
        const bool known = (cell & listed) != 0;
        if (!known && form.vector) {
            groups |= otherwise_[form.form];
        }
        if ((known || form.vector) && (cell & exempt) == 0) {
            groups |= every_[form.form];
        }
        const bool simd = form.vector || (groups != 0 && !aarch64_);
        return {groups, simd && (cell & no_vector) == 0};
    }

private:
    void add(const Rule &rule) {
        const std::string_view text = rule.mnemonics;
        for (std::size_t start = 0; start < text.size();) {
            const std::size_t end = std::min(text.find(' ', start), text.size());
            if (end > start) {
                auto &cells = rows_[std::string(text.substr(start, end - start))].cells;
                for (unsigned cell = 0; cell < cells.size(); ++cell) {
                    const bool covered = (rule.forms >> cell / class_count & 1) != 0 &&
                                         (rule.classes >> cell % class_count & 1) != 0;
                    cells[cell] |= covered ? rule.effect : 0;
                }
            }
            start = end + 1;
        }
    }

    bool aarch64_;
    std::vector<Mask> otherwise_;
    std::vector<Mask> every_;
    std::unordered_map<std::string, Row, StringHash, std::equal_to<>> rows_;
};

} // namespace llamabuild::isa
