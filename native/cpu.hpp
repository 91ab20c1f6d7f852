// What the CPU and the kernel say about themselves, unfiltered. Names and meanings of the bits are
// data: llamabuild/machine/features.toml.

#pragma once

#include <cstdint>

namespace llamabuild {

struct CpuidRegisters {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero for a leaf that the CPU doesn't have, and on CPUs without the CPUID instruction.
CpuidRegisters cpuid(std::uint32_t leaf, std::uint32_t subleaf);

// XCR0: which register states the operating system saves on a context switch. 0 where it saves
// none by XSAVE, and on CPUs without XGETBV.
std::uint64_t xcr0();

struct HardwareCapabilities {
    std::uint64_t hwcap = 0, hwcap2 = 0;
};

// The kernel's AT_HWCAP and AT_HWCAP2 on 64-bit ARM; 0 elsewhere.
HardwareCapabilities hardware_capabilities();

} // namespace llamabuild
