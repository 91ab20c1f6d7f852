// The bytes of the code, read from the file beside objdump's text.
//
// Printing bytes is a quarter of objdump's work. In linked files each address stands once, so they
// can be looked up instead.

#pragma once

#include "isa_form.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unistd.h>
#include <vector>

namespace llamabuild::isa {

struct Segment {
    std::uint64_t address;
    std::uint64_t offset; // in the file
    std::uint64_t size;
};

// Reads forward through a window; a jump back costs one read.
class Code {
public:
    Code(int descriptor, std::vector<Segment> segments)
        : descriptor_(descriptor), segments_(std::move(segments)) {}

    bool known() const {
        return !segments_.empty();
    }

    // Bytes from an address on, as many as an instruction may have and the segment holds.
    Bytes at(std::uint64_t address) {
        select(address);
        const std::uint64_t offset = segment_.offset + (address - segment_.address);
        const std::uint64_t left = segment_.size - (address - segment_.address);
        Bytes bytes;
        bytes.size = static_cast<std::size_t>(std::min<std::uint64_t>(left, instruction_limit));
        if (offset < start_ || offset + bytes.size > start_ + window_.size()) {
            fill(offset);
        }
        if (offset + bytes.size > start_ + window_.size()) {
            throw std::invalid_argument("the file shrank");
        }
        std::memcpy(bytes.at.data(), window_.data() + (offset - start_), bytes.size);
        return bytes;
    }

private:
    static constexpr std::size_t window_size = 1 << 16;
    static constexpr std::size_t instruction_limit = 15;

    void select(std::uint64_t address) {
        const auto holds = [address](const Segment &segment) {
            return address >= segment.address && address - segment.address < segment.size;
        };
        if (holds(segment_)) {
            return;
        }
        const auto found = std::find_if(segments_.begin(), segments_.end(), holds);
        if (found == segments_.end()) {
            throw std::invalid_argument("objdump and the section headers disagree");
        }
        segment_ = *found;
    }

    void fill(std::uint64_t offset) {
        window_.resize(window_size);
        const ssize_t count =
            ::pread(descriptor_, window_.data(), window_.size(), static_cast<off_t>(offset));
        start_ = offset;
        window_.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }

    int descriptor_;
    std::vector<Segment> segments_;
    Segment segment_{0, 0, 0};
    std::vector<std::uint8_t> window_;
    std::uint64_t start_ = 0;
};

} // namespace llamabuild::isa
