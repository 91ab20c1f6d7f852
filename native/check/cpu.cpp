#include "check/cpu.hpp"

#include <sstream>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace lb::check {
namespace {

#if defined(__x86_64__)

// __builtin_cpu_supports asks XCR0 too, and takes literals only.
bool has(const std::string &feature) {
    if (feature == "avx2")
        return __builtin_cpu_supports("avx2");
    if (feature == "fma")
        return __builtin_cpu_supports("fma");
    if (feature == "f16c") { // known to the builtin since gcc 11 and clang 19 only
        unsigned a, b, c, d;
        return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) && __builtin_cpu_supports("avx");
    }
    if (feature == "avx512f")
        return __builtin_cpu_supports("avx512f");
    if (feature == "avx512bw")
        return __builtin_cpu_supports("avx512bw");
    if (feature == "avx512dq")
        return __builtin_cpu_supports("avx512dq");
    if (feature == "avx512vl")
        return __builtin_cpu_supports("avx512vl");
    if (feature == "avx512vnni")
        return __builtin_cpu_supports("avx512vnni");
    if (feature == "avxvnni") {
#ifdef LB_AVXVNNI_AS_AVX512VL
        return has("avx512vl") && has("avx512vnni");
#else
        unsigned a, b, c, d;
        return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1U << 4) && has("avx2");
#endif
    }
    return false;
}

#elif defined(__aarch64__)

// Bits of AT_HWCAP and AT_HWCAP2, as the Linux kernel's elf_hwcaps.rst has them.
bool has(const std::string &feature) {
    if (feature == "neon")
        return getauxval(AT_HWCAP) & 1UL << 1;
    if (feature == "dotprod")
        return getauxval(AT_HWCAP) & 1UL << 20;
    if (feature == "i8mm")
        return getauxval(AT_HWCAP2) & 1UL << 13;
    return false;
}

#else

bool has(const std::string &) {
    return false;
}

#endif

} // namespace

std::string lacking_feature(const lb_isa &isa) {
    std::istringstream names(isa.features);
    for (std::string name; names >> name;) {
        if (!has(name))
            return name;
    }
    return {};
}

} // namespace lb::check
