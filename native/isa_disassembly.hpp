// objdump's text, line by line, into functions and their counts.

#pragma once

#include "isa_code.hpp"
#include "isa_demangle.hpp"
#include "isa_table.hpp"

#include <bit>
#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>

namespace llamabuild::isa {

using Extents = std::map<std::uint64_t, std::uint64_t>; // address to end

struct Function {
    std::string name;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::uint64_t instructions = 0;
    std::uint64_t vector = 0;
    std::vector<std::uint64_t> groups;
};

// One object file; an archive has several.
struct Object {
    std::string name;
    std::string format;
    bool symbols = false; // a label other than a section's own name was seen
    std::vector<Function> functions;
};

// Takes the text in pieces of any size. Memory: the functions found, and one line.
class Disassembly {
public:
    // Where `extents` is given (of the symbols that are left in a stripped file), code outside them
    // counts for its section, as it isn't the code of the symbol before it.
    //
    // Where `code` is known, the text is without bytes (objdump --no-show-raw-insn).
    Disassembly(Table table, std::size_t group_count, std::optional<Extents> extents, Code code)
        : table_(std::move(table)), code_(std::move(code)), group_count_(group_count),
          extents_(std::move(extents)) {}

    void feed(std::string_view text) {
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            if (end == std::string_view::npos) {
                keep(text);
                return;
            }
            if (partial_.empty()) {
                line(text.substr(0, end));
            } else {
                keep(text.substr(0, end));
                line(partial_);
                partial_.clear();
            }
            text.remove_prefix(end + 1);
        }
    }

    std::vector<Object> finish() {
        if (!partial_.empty()) {
            line(partial_);
            partial_.clear();
        }
        close(after_all);
        return std::move(objects_);
    }

private:
    static constexpr std::size_t line_limit = 1 << 16;
    static constexpr std::size_t function_limit = 4'000'000;
    static constexpr std::size_t name_bytes_limit = std::size_t{1} << 30;
    static constexpr std::chrono::seconds demangle_budget{10};
    static constexpr std::uint64_t after_all = ~std::uint64_t{0};
    static constexpr std::size_t none = ~std::size_t{0};

    void keep(std::string_view text) {
        partial_.append(text.substr(0, line_limit - std::min(line_limit, partial_.size())));
    }

    void line(std::string_view text) {
        const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
        std::uint64_t address = 0;
        std::size_t end = start;
        for (int digit; end < text.size() && (digit = hex(text[end])) >= 0; ++end) {
            address = address << 4 | static_cast<unsigned>(digit);
        }
        const std::string_view after = end > start ? text.substr(end) : std::string_view{};
        if (after.starts_with(":\t")) {
            instruction(after.substr(2), address);
        } else if (after.starts_with(" <") && after.ends_with(">:")) {
            label(after.substr(2, after.size() - 4), address);
        } else if (text == "\t...") {
            skip_zeros();
        } else if (text.starts_with(section_heading) && text.ends_with(':')) {
            text.remove_prefix(section_heading.size());
            section(text.substr(0, text.size() - 1));
        } else if (const std::size_t at = text.rfind(format_heading);
                   at != std::string_view::npos) {
            close(after_all);
            objects_.push_back({std::string(text.substr(0, std::min(at, name_limit))),
                                std::string(text.substr(at + format_heading.size(), 64)),
                                false,
                                {}});
            section("");
        }
    }

    static constexpr std::string_view section_heading = "Disassembly of section ";
    static constexpr std::string_view format_heading = ":     file format ";

    static constexpr std::array<std::int8_t, 256> hex_values = [] {
        std::array<std::int8_t, 256> values{};
        values.fill(-1);
        for (int i = 0; i < 16; ++i) {
            values[static_cast<unsigned char>("0123456789abcdef"[i])] = static_cast<std::int8_t>(i);
        }
        return values;
    }();

    static int hex(char c) {
        return hex_values[static_cast<unsigned char>(c)];
    }

    void section(std::string_view name) {
        close(after_all);
        section_ = name.substr(0, name_limit);
        section_function_ = current_ = none;
        pending_.clear();
    }

    void label(std::string_view symbol, std::uint64_t address) {
        // A label with an offset stands before the first symbol; a procedure linkage table holds
        // stubs of other people's functions. Both count for their section.
        const std::string_view name = symbol.substr(0, symbol.find('@'));
        const bool offset = symbol.find("-0x") != std::string_view::npos ||
                            symbol.find("+0x") != std::string_view::npos;
        const bool stub = symbol.ends_with("@plt");
        current_ = none;
        pending_.clear();
        close(address);
        end_ = after_all;
        if (offset || stub || name.empty() || name == section_) {
            return;
        }
        if (!objects_.empty()) {
            objects_.back().symbols = true;
        }
        if (extents_) {
            const auto found = extents_->find(address);
            if (found == extents_->end()) {
                return;
            }
            end_ = found->second;
        }
        pending_ = name.substr(0, mangled_limit + 1);
    }

    void instruction(std::string_view text, std::uint64_t address) {
        if (objects_.empty()) {
            return;
        }
        close(address);
        Bytes bytes;
        if (!code_.known()) {
            const std::size_t end = text.find('\t');
            if (end == std::string_view::npos || !raw(text.substr(0, end), bytes)) {
                return; // bytes without an instruction
            }
            text.remove_prefix(end + 1);
        }
        const Row *row = nullptr;
        std::string_view mnemonic;
        do {
            const std::size_t blank = std::min(text.find_first_of(" \t"), text.size());
            mnemonic = text.substr(0, blank);
            text.remove_prefix(blank);
            text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
            row = table_.find(mnemonic);
        } while (!text.empty() && Table::is_prefix(mnemonic, row));
        if (mnemonic.empty() || mnemonic[0] == '(' || mnemonic[0] == '.') {
            return; // (bad), .inst, .byte: not an instruction
        }
        Function &function = function_at(address);
        if (code_.known()) {
            bytes = code_.at(address);
            const Function *first = objects_.back().functions.data();
            last_ = {static_cast<std::size_t>(&function - first), address, bytes};
        } else {
            function.size += bytes.size;
        }
        const Verdict verdict = table_.judge(bytes, row, text);
        function.instructions += 1;
        function.vector += verdict.vector ? 1 : 0;
        for (Mask left = verdict.groups; left != 0; left &= left - 1) {
            function.groups[static_cast<std::size_t>(std::countr_zero(left))] += 1;
        }
    }

    // "c5 fd 6f 07 " on x86, "4e22d420 " on aarch64, which is one little-endian word. False if it
    // is anything else.
    static bool raw(std::string_view text, Bytes &bytes) {
        const bool word = text.size() > 2 && text[2] != ' ';
        int high = -1;
        for (const char c : text) {
            const int digit = hex(c);
            if (digit < 0 ? c != ' ' || high >= 0 : bytes.size == bytes.at.size()) {
                return false;
            }
            if (digit >= 0 && high >= 0) {
                bytes.at[bytes.size++] = static_cast<std::uint8_t>(high << 4 | digit);
                high = -1;
            } else {
                high = digit;
            }
        }
        if (word) {
            std::reverse(bytes.at.begin(),
                         bytes.at.begin() + static_cast<std::ptrdiff_t>(bytes.size));
        }
        return bytes.size > 0 && high < 0;
    }

    // Gives the last instruction its size, now that it is known where the next one starts.
    void close(std::uint64_t next) {
        close_at(std::min<std::uint64_t>(last_.bytes.size, next - last_.address));
    }

    // objdump leaves out runs of eight zeros or more (fewer at the end of a section), and doesn't
    // say where one starts.
    void skip_zeros() {
        const auto zeros_from = [this](std::size_t start) {
            const auto *first = last_.bytes.at.data();
            return std::all_of(first + start, first + std::min(start + 8, last_.bytes.size),
                               [](std::uint8_t byte) { return byte == 0; });
        };
        std::size_t size = std::min<std::size_t>(last_.bytes.size, 1);
        while (size < last_.bytes.size && !zeros_from(size)) {
            ++size;
        }
        close_at(size);
    }

    void close_at(std::uint64_t size) {
        if (last_.function != none) {
            objects_.back().functions[last_.function].size += size;
            last_.function = none;
        }
    }

    Function &function_at(std::uint64_t address) {
        std::vector<Function> &functions = objects_.back().functions;
        if (address >= end_) {
            current_ = none;
            pending_.clear();
        }
        if (current_ == none && pending_.empty()) {
            if (section_function_ == none) {
                section_function_ = add(section_, address);
            }
            return functions[section_function_];
        }
        if (current_ == none) {
            current_ = add(readable(pending_), address);
        }
        return functions[current_];
    }

    std::size_t add(std::string name, std::uint64_t address) {
        std::vector<Function> &functions = objects_.back().functions;
        name_bytes_ += name.size();
        if (++function_count_ > function_limit || name_bytes_ > name_bytes_limit) {
            throw std::length_error("it names more functions than any real program");
        }
        functions.push_back({std::move(name), address, 0, 0, 0, {}});
        functions.back().groups.resize(group_count_);
        return functions.size() - 1;
    }

    std::string readable(const std::string &name) {
        using clock = std::chrono::steady_clock;
        if (demangling_ > demangle_budget) {
            return name;
        }
        const auto started = clock::now();
        std::string result = demangled(name);
        demangling_ += clock::now() - started;
        return result;
    }

    struct Last {
        std::size_t function = none; // none: closed
        std::uint64_t address = 0;
        Bytes bytes;
    };

    Table table_;
    Code code_;
    Last last_;
    std::size_t group_count_;
    std::optional<Extents> extents_;
    std::vector<Object> objects_;
    std::string partial_;
    std::string section_;
    std::string pending_; // symbol of a label that has no instruction yet
    std::uint64_t end_ = after_all;
    std::size_t current_ = none;
    std::size_t section_function_ = none;
    std::size_t function_count_ = 0;
    std::size_t name_bytes_ = 0;
    std::chrono::steady_clock::duration demangling_{0};
};

} // namespace llamabuild::isa
