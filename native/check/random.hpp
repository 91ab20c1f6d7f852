// Reproducible random numbers (splitmix64: Steele, Lea and Flood, OOPSLA 2014).

#pragma once

#include <cstdint>

namespace lb::check {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t bits() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31);
    }
    std::uint8_t byte() {
        return static_cast<std::uint8_t>(bits());
    }
    // Both ends included.
    int between(int low, int high) {
        return low + static_cast<int>(bits() % static_cast<std::uint64_t>(high - low + 1));
    }
    bool one_in(int n) {
        return between(1, n) == 1;
    }
    float sign() {
        return bits() & 1U ? 1.0F : -1.0F;
    }

private:
    std::uint64_t state_;
};

} // namespace lb::check
