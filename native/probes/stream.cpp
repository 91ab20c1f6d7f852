// The four loops of STREAM (J. D. McCalpin, "Memory Bandwidth and Machine Balance in Current High
// Performance Computers", 1995) and a fifth that only writes, on float32, with ordinary and with
// non-temporal stores: write a = s, copy a = b, scale a = s b, add a = b + c, triad a = b + s c.

#ifndef LB_FILE_BODY_stream
#define LB_FILE_BODY_stream

#include "probes/loop.hpp"
#include "probes/simd/intrinsics.hpp"
#include "probes/split.hpp"

namespace lb::probes {
namespace {

enum class Operation { write, copy, scale, add, triad };

constexpr std::size_t lines_each = 4; // of each array in one iteration

constexpr int arrays(Operation operation) {
    switch (operation) {
    case Operation::write:
        return 1;
    case Operation::copy:
    case Operation::scale:
        return 2;
    default:
        return 3;
    }
}

template <Operation operation> std::size_t stream_bytes(std::size_t bytes) {
    return arrays(operation) * split(bytes, arrays(operation), lines_each).count;
}

} // namespace
} // namespace lb::probes

#define LB_FILE "probes/stream.cpp"
#include "probes/simd/each_width.inc"

namespace lb::probes {

std::vector<Loop> stream_loops() {
    std::vector<Loop> found;
#if defined(__x86_64__)
    sse2::append_stream(found);
    avx2::append_stream(found);
    avx512::append_stream(found);
#elif defined(__aarch64__)
    neon::append_stream(found);
#endif
    return found;
}

} // namespace lb::probes

#else

template <Operation operation, bool past> LB_LOOP std::uint64_t stream(Work &work) {
    constexpr std::size_t step = lines_each * line_bytes;
    const auto [count, spacing] = split(work.bytes, arrays(operation), lines_each);
    // Not 0: some CPUs save the bandwidth of zeros. Not 1: the compiler must multiply.
    Floats s = splat(0.5f);
    hide(s);
    for (std::size_t pass = 0; pass < work.passes; ++pass) {
        char *a = work.memory;
        for (char *end = a + count; a < end; a += step) {
            LB_UNROLL for (std::size_t at = 0; at < step; at += width_bytes) {
                float *to = reinterpret_cast<float *>(a + at);
                const float *b = reinterpret_cast<const float *>(a + at + spacing);
                const float *c = reinterpret_cast<const float *>(a + at + 2 * spacing);
                Floats value = s;
                if constexpr (operation == Operation::copy)
                    value = load_floats(b);
                if constexpr (operation == Operation::scale)
                    value = multiply(s, load_floats(b));
                if constexpr (operation == Operation::add)
                    value = add(load_floats(b), load_floats(c));
                if constexpr (operation == Operation::triad)
                    value = multiply_add(s, load_floats(c), load_floats(b));
                if constexpr (past)
                    store_past(to, value);
                else
                    store(to, value);
            }
        }
        __asm__ volatile("" : : : "memory"); // each pass writes again
    }
    if constexpr (past)
        fence();
    return 0;
}

template <Operation operation>
static void append_both(std::vector<Loop> &found, const char *name, const char *name_past) {
    constexpr int streams = arrays(operation);
    found.push_back({name, LB_TEXT(LB_ISA), LB_FEATURES, width_bits, streams,
                     stream<operation, false>, stream_bytes<operation>});
    found.push_back({name_past, LB_TEXT(LB_ISA), LB_FEATURES, width_bits, streams,
                     stream<operation, true>, stream_bytes<operation>});
}

static void append_stream(std::vector<Loop> &found) {
    append_both<Operation::write>(found, "write", "write_nt");
    append_both<Operation::copy>(found, "copy", "copy_nt");
    append_both<Operation::scale>(found, "scale", "scale_nt");
    append_both<Operation::add>(found, "add", "add_nt");
    append_both<Operation::triad>(found, "triad", "triad_nt");
}

#endif
