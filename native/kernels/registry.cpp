// The list of instruction sets, and of all kernels in the order in which their files were linked.

#include "kernels/registry.hpp"

#include <vector>

namespace {

std::vector<lb_kernel> &kernels() {
    static std::vector<lb_kernel> list;
    return list;
}

std::vector<lb_packing> &packings() {
    static std::vector<lb_packing> list;
    return list;
}

constexpr lb_isa isas[] = {
    {"scalar", "plain C++, the reference", ""},
#if defined(__x86_64__)
    {"avx2", "256-bit vectors; bytes multiplied in pairs (vpmaddubsw)", "avx2 fma f16c"},
    {"avxvnni", "256-bit vectors; four byte products at once (VEX vpdpbusd)",
     "avx2 fma f16c avxvnni"},
    {"avx512", "vectors of up to 512 bits; bytes multiplied in pairs (vpmaddubsw)",
     "avx2 fma f16c avx512f avx512bw avx512dq avx512vl"},
    {"avx512vnni", "vectors of up to 512 bits; four byte products at once (vpdpbusd)",
     "avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512vnni"},
#elif defined(__aarch64__)
    {"neon", "128-bit vectors; bytes multiplied to 16 bits (smull)", "neon"},
    {"dotprod", "128-bit vectors; four byte products at once (sdot)", "neon dotprod"},
    {"i8mm", "128-bit vectors; four mixed-sign byte products at once (usdot)", "neon dotprod i8mm"},
#endif
};

} // namespace

lb::Register::Register(std::initializer_list<lb_kernel> k, std::initializer_list<lb_packing> p) {
    kernels().insert(kernels().end(), k);
    packings().insert(packings().end(), p);
}

extern "C" {

const lb_isa *lb_isas(size_t *count) {
    *count = sizeof isas / sizeof *isas;
    return isas;
}

const lb_kernel *lb_kernels(size_t *count) {
    *count = kernels().size();
    return kernels().data();
}

const lb_packing *lb_packings(size_t *count) {
    *count = packings().size();
    return packings().data();
}

} // extern "C"
