#include "cpu.hpp"

// On other architectures glibc answers AT_HWCAP with a word of its own, not with the kernel's.
#if defined(__linux__) && defined(__aarch64__)

#include <sys/auxv.h>

namespace llamabuild {

HardwareCapabilities hardware_capabilities() {
    return {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
}

} // namespace llamabuild

#else

namespace llamabuild {

HardwareCapabilities hardware_capabilities() {
    return {};
}

} // namespace llamabuild

#endif
