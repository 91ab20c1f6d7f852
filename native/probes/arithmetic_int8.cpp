// Peak int8 arithmetic, by each way to multiply bytes and add the products up in 32 bits.

#include "probes/loop.hpp"
#include "probes/simd/intrinsics.hpp"

namespace lb::probes {

namespace {

constexpr int accumulators = 10; // a latency of five cycles on two ports
constexpr std::size_t turns = 1000;

template <int products> std::size_t operations(std::size_t) {
    return std::size_t{2} * products * accumulators * turns;
}

} // namespace

// Defines a loop `name`: `step` adds the products of the vectors u and s to sum. u is hidden from
// the compiler before each step, which would otherwise multiply once for all of them.
#define LB_INT8(name, target_features, Vector, constraint, zero, one, step)                        \
    __attribute__((target(target_features))) static std::uint64_t name(Work &work) {               \
        Vector u = one, s = one;                                                                   \
        const Vector none = zero;                                                                  \
        Vector s0 = none, s1 = none, s2 = none, s3 = none, s4 = none;                              \
        Vector s5 = none, s6 = none, s7 = none, s8 = none, s9 = none;                              \
        for (std::size_t turn = 0; turn < work.passes * turns; ++turn) {                           \
            LB_STEP(s0, constraint, step)                                                          \
            LB_STEP(s1, constraint, step)                                                          \
            LB_STEP(s2, constraint, step)                                                          \
            LB_STEP(s3, constraint, step)                                                          \
            LB_STEP(s4, constraint, step)                                                          \
            LB_STEP(s5, constraint, step)                                                          \
            LB_STEP(s6, constraint, step)                                                          \
            LB_STEP(s7, constraint, step)                                                          \
            LB_STEP(s8, constraint, step)                                                          \
            LB_STEP(s9, constraint, step)                                                          \
        }                                                                                          \
        __asm__ volatile(""                                                                        \
                         :                                                                         \
                         : constraint(s0), constraint(s1), constraint(s2), constraint(s3),         \
                           constraint(s4));                                                        \
        __asm__ volatile(""                                                                        \
                         :                                                                         \
                         : constraint(s5), constraint(s6), constraint(s7), constraint(s8),         \
                           constraint(s9));                                                        \
        return 0;                                                                                  \
    }
#define LB_STEP(sum, constraint, step)                                                             \
    __asm__ volatile("" : "+" constraint(u));                                                      \
    sum = step(u, s, sum);

#if defined(__x86_64__)

#define LB_MADDUBS_256(u, s, sum)                                                                  \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)))
#define LB_MADDUBS_512(u, s, sum)                                                                  \
    _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(u, s), _mm512_set1_epi16(1)))
#define LB_DPBUSD_VEX(u, s, sum) _mm256_dpbusd_avx_epi32(sum, u, s)
#define LB_DPBUSD_256(u, s, sum) _mm256_dpbusd_epi32(sum, u, s)
#define LB_DPBUSD_512(u, s, sum) _mm512_dpbusd_epi32(sum, u, s)

LB_INT8(maddubs_256, "avx2", __m256i, "x", _mm256_setzero_si256(), _mm256_set1_epi8(1),
        LB_MADDUBS_256)
LB_INT8(maddubs_512, "avx512f,avx512bw", __m512i, "v", _mm512_setzero_si512(), _mm512_set1_epi8(1),
        LB_MADDUBS_512)
LB_INT8(dpbusd_vex, "avx2,avxvnni", __m256i, "x", _mm256_setzero_si256(), _mm256_set1_epi8(1),
        LB_DPBUSD_VEX)
LB_INT8(dpbusd_256, "avx512f,avx512vl,avx512vnni", __m256i, "v", _mm256_setzero_si256(),
        _mm256_set1_epi8(1), LB_DPBUSD_256)
LB_INT8(dpbusd_512, "avx512f,avx512vnni", __m512i, "v", _mm512_setzero_si512(), _mm512_set1_epi8(1),
        LB_DPBUSD_512)

std::vector<Loop> arithmetic_int8_loops() {
    return {
        {"int8", "avx2", "avx2", 256, accumulators, maddubs_256, operations<32>},
        {"int8", "avxvnni", "avx2 avxvnni", 256, accumulators, dpbusd_vex, operations<32>},
        {"int8", "avx512", "avx512f avx512bw", 512, accumulators, maddubs_512, operations<64>},
        {"int8", "avx512vnni", "avx512f avx512vl avx512vnni", 256, accumulators, dpbusd_256,
         operations<32>},
        {"int8", "avx512vnni", "avx512f avx512vnni", 512, accumulators, dpbusd_512, operations<64>},
    };
}

#elif defined(__aarch64__)

#define LB_SDOT(u, s, sum) vreinterpretq_s8_s32(vdotq_s32(vreinterpretq_s32_s8(sum), u, s))
#define LB_SMMLA(u, s, sum) vreinterpretq_s8_s32(vmmlaq_s32(vreinterpretq_s32_s8(sum), u, s))

LB_INT8(sdot, "arch=armv8.2-a+dotprod", int8x16_t, "w", vdupq_n_s8(0), vdupq_n_s8(1), LB_SDOT)
LB_INT8(smmla, "arch=armv8.2-a+dotprod+i8mm", int8x16_t, "w", vdupq_n_s8(0), vdupq_n_s8(1),
        LB_SMMLA)

std::vector<Loop> arithmetic_int8_loops() {
    return {
        {"int8", "dotprod", "dotprod", 128, accumulators, sdot, operations<16>},
        // Two rows of 8 by two columns of 8.
        {"int8", "i8mm", "i8mm", 128, accumulators, smmla, operations<32>},
    };
}

#else

std::vector<Loop> arithmetic_int8_loops() {
    return {};
}

#endif

} // namespace lb::probes
