// How a kernel's file makes itself known: one `static const Register` at its end.

#pragma once

#include "kernels/kernel.h"

#include <initializer_list>

namespace lb {

struct Register {
    Register(std::initializer_list<lb_kernel> kernels,
             std::initializer_list<lb_packing> packings = {});
};

} // namespace lb

// One entry for each instruction set of this architecture, for a kernel that each_isa.inc compiled.
#if defined(__x86_64__)
#define LB_EACH_ISA(entry)                                                                         \
    entry(avx2, 8), entry(avxvnni, 8), entry(avx512, 16), entry(avx512vnni, 16)
#elif defined(__aarch64__)
#define LB_EACH_ISA(entry) entry(neon, 8), entry(dotprod, 8), entry(i8mm, 8)
#else
#define LB_EACH_ISA(entry)
#endif
