#include "probes/clock.hpp"

#include "placement/pinned.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace lb::probes {

namespace {

std::uint64_t ticks() {
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    std::uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
    return 0;
#endif
}

} // namespace

Elapsed time_additions(std::size_t additions) {
    std::uint64_t sum = 0, addend = 1;
    const std::uint64_t first = ticks();
    const double start = now();
    // Register to register: recent CPUs add a constant while they rename, in no time at all.
    for (std::size_t i = 0; i < additions; i += 64) {
#if defined(__x86_64__)
        __asm__ volatile(".rept 64\n\tadd %1, %0\n\t.endr" : "+r"(sum) : "r"(addend) : "cc");
#elif defined(__aarch64__)
        __asm__ volatile(".rept 64\n\tadd %0, %0, %1\n\t.endr" : "+r"(sum) : "r"(addend));
#else
        for (int step = 0; step < 64; ++step) {
            __asm__ volatile("" : "+r"(sum), "+r"(addend));
            sum += addend;
        }
#endif
    }
    const double end = now();
    return {end - start, ticks() - first};
}

} // namespace lb::probes
