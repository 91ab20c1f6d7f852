#include "cpu.hpp"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

namespace llamabuild {

namespace {

CpuidRegisters query(std::uint32_t leaf, std::uint32_t subleaf) {
    CpuidRegisters r;
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
    return r;
}

} // namespace

CpuidRegisters cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    // Intel CPUs answer a leaf beyond the last with the last one's data, which would read as
    // features. The first leaf of each range (basic, hypervisor, extended) names its last.
    const std::uint32_t first = leaf & 0xF000'0000u;
    if (leaf != first && leaf > query(first, 0).eax)
        return {};
    return query(leaf, subleaf);
}

std::uint64_t xcr0() {
    constexpr std::uint32_t osxsave = 1u << 27;
    if (!(cpuid(1, 0).ecx & osxsave)) // XGETBV would be an illegal instruction
        return 0;
    std::uint32_t low, high;
    // As assembly, because the intrinsic needs -mxsave.
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (std::uint64_t{high} << 32) | low;
}

} // namespace llamabuild

#else

namespace llamabuild {

CpuidRegisters cpuid(std::uint32_t, std::uint32_t) {
    return {};
}

std::uint64_t xcr0() {
    return 0;
}

} // namespace llamabuild

#endif
