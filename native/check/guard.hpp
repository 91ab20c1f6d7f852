// Memory between two pages that nobody may touch: a kernel that reads or writes beyond its
// arguments ends the program there.

#pragma once

#include "check/random.hpp"

#include <cstddef>
#include <cstdint>

namespace lb::check {

class Guarded {
public:
    explicit Guarded(std::size_t capacity);
    ~Guarded();
    Guarded(const Guarded &) = delete;
    Guarded &operator=(const Guarded &) = delete;

    // Room for that many bytes: most often against the page behind, at times against the one in
    // front or at any address between.
    std::uint8_t *place(std::size_t bytes, Random &random);
    // As above, with a copy of the bytes in it.
    const std::uint8_t *place(const std::uint8_t *bytes, std::size_t count, Random &random);
    // Sets the bytes of [begin, end) and some on both sides; and tells whether those on both sides
    // still are as they were set.
    void fill(std::uint8_t value, std::uint8_t *begin, std::uint8_t *end);
    bool is_filled_around(std::uint8_t value, const std::uint8_t *begin,
                          const std::uint8_t *end) const;

private:
    std::ptrdiff_t before(const std::uint8_t *begin) const;
    std::ptrdiff_t behind(const std::uint8_t *end) const;

    std::size_t page_, bytes_;
    std::uint8_t *first_; // behind the page in front
};

} // namespace lb::check
