// C++ names for people, bounded in time and memory.

#pragma once

#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <string>
#include <string_view>

namespace llamabuild::isa {

// A back reference (S_, T_) repeats what came before, so a hostile name of a few hundred bytes can
// stand for gigabytes. With at most 32 of them the text stays below some 26 MB; C++ libraries stay
// below 30. Longer names keep their mangled form.
inline constexpr std::size_t mangled_limit = 4096;
inline constexpr int reference_limit = 32;
inline constexpr std::size_t name_limit = 4096;

inline int back_references(std::string_view mangled) {
    int count = 0;
    for (std::size_t i = 0; i + 1 < mangled.size(); ++i) {
        if (mangled[i] != 'S' && mangled[i] != 'T') {
            continue;
        }
        std::size_t end = i + 1;
        while (end < mangled.size() && ((mangled[end] >= '0' && mangled[end] <= '9') ||
                                        (mangled[end] >= 'A' && mangled[end] <= 'Z'))) {
            ++end;
        }
        count += end < mangled.size() && mangled[end] == '_' ? 1 : 0;
    }
    return count;
}

inline std::string demangled(std::string_view name) {
    const std::string mangled(name.substr(0, mangled_limit));
    if (!mangled.starts_with("_Z") || name.size() > mangled_limit ||
        back_references(mangled) > reference_limit) {
        return mangled;
    }
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
    return status == 0 && text ? std::string(text.get()).substr(0, name_limit) : mangled;
}

} // namespace llamabuild::isa
