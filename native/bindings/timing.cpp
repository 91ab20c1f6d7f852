// Timing a kernel by its address: one pinned thread a CPU, each with weights of its own that lie
// where it first touched them, all started together for every sample.

#include "bindings/byte_views.hpp"
#include "kernels/kernel.h"
#include "placement/pinned.hpp"
#include "placement/region.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <set>
#include <system_error>

namespace py = pybind11;

namespace {

// On a machine that is never quiet a disturbed sample has to do.
constexpr int most_retakes = 8;

void check_cpus(const std::vector<int> &cpus) {
    if (cpus.empty() || std::set<int>(cpus.begin(), cpus.end()).size() != cpus.size())
        throw py::value_error("cpus: expected one or more different CPUs");
    if (std::any_of(cpus.begin(), cpus.end(), [](int c) { return c < 0 || c >= CPU_SETSIZE; }))
        throw py::value_error("cpus: expected numbers from 0 to " +
                              std::to_string(CPU_SETSIZE - 1));
}

// Runs body(thread) on each CPU; a kernel on another CPU than its weights would tell nothing.
void run_on(const std::vector<int> &cpus, const std::function<void(std::size_t)> &body) {
    if (!lb::run_pinned(cpus, body))
        throw std::system_error(EINVAL, std::generic_category(), "cannot pin a thread");
}

// The same bytes over and over, once for each thread.
class PlacedWeights {
public:
    PlacedWeights(const py::array &pattern, std::size_t bytes_per_thread, std::vector<int> cpus,
                  bool huge)
        : bytes_(bytes_per_thread), cpus_(std::move(cpus)), huge_(huge) {
        check_cpus(cpus_);
        lb::expect_bytes(pattern, "pattern", 1, true);
        const auto length = static_cast<std::size_t>(pattern.size());
        if (length == 0 || bytes_ == 0 || bytes_ > std::numeric_limits<std::size_t>::max() / 2)
            throw py::value_error("pattern and bytes of a thread: expected at least one byte");
        const std::uint8_t *source = lb::bytes(pattern);
        py::gil_scoped_release release;
        for (std::size_t i = 0; i < cpus_.size(); i++) {
            regions_.emplace_back(bytes_, huge ? lb::Pages::huge : lb::Pages::small, -1, 0, -1);
            huge_ &= !regions_.back().refused();
        }
        run_on(cpus_, [&](std::size_t thread) {
            char *to = regions_[thread].start();
            for (std::size_t done = 0; done < bytes_; done += length)
                std::memcpy(to + done, source, std::min(length, bytes_ - done));
        });
    }

    const std::uint8_t *of(std::size_t thread) const {
        return reinterpret_cast<const std::uint8_t *>(regions_[thread].start());
    }
    std::size_t bytes() const {
        return bytes_;
    }
    const std::vector<int> &cpus() const {
        return cpus_;
    }
    bool huge() const {
        return huge_;
    }

private:
    std::size_t bytes_;
    std::vector<int> cpus_;
    bool huge_;
    std::vector<lb::Region> regions_;
};

// One kernel over all weights of a thread.
struct Pass {
    lb_shape shape;
    std::uintptr_t address;
    int n, rows, columns;
    std::size_t row_bytes;
    const void *activations;

    // As ggml walks: its vec_dot row by row through a pointer, gemv and gemm in one call.
    void operator()(const std::uint8_t *weights, float *s) const {
        if (shape != LB_VEC_DOT)
            return reinterpret_cast<lb_gemm>(address)(n, s, rows, weights, activations, columns,
                                                      rows);
        const auto run = reinterpret_cast<lb_vec_dot>(address);
        for (int r = 0; r < rows; r++)
            run(n, s + r, 0, weights + r * row_bytes, 0, activations, 0, 1);
    }
};

// What all threads together took.
struct Taken {
    double seconds;
    bool alone; // all started together and none was taken from its CPU
};

// Times so many passes on each thread at once; tells every thread the same.
class Stopwatch {
public:
    explicit Stopwatch(int threads)
        : barrier_(threads), begin_(threads), end_(threads), switches_(threads) {}

    template <typename Work> Taken time(std::size_t thread, long passes, const Work &work) {
        barrier_.wait();
        const long before = lb::involuntary_switches();
        begin_[thread] = lb::now();
        for (long i = 0; i < passes; i++)
            work();
        end_[thread] = lb::now();
        switches_[thread] = lb::involuntary_switches() - before;
        barrier_.wait();
        // All read the same times, before the next sample writes any.
        const auto [first, last] = std::minmax_element(begin_.begin(), begin_.end());
        const double seconds = *std::max_element(end_.begin(), end_.end()) - *first;
        const bool switched = std::any_of(switches_.begin(), switches_.end(), std::identity());
        const bool alone = !switched && *last - *first <= lb::most_lag * seconds;
        barrier_.wait();
        return {seconds, alone};
    }

private:
    lb::Barrier barrier_;
    std::vector<double> begin_, end_;
    std::vector<long> switches_;
};

// As many passes as fill a sample; longer and longer runs until one is long enough to tell.
template <typename Work>
long passes_of(std::size_t thread, Stopwatch &watch, const Work &work, double min_seconds) {
    int retakes = 0;
    for (long passes = 1;;) {
        const Taken taken = watch.time(thread, passes, work);
        if (!taken.alone && retakes++ < most_retakes)
            continue;
        if (taken.seconds >= min_seconds / 4 || passes > (1L << 40))
            return std::max(1L, static_cast<long>(std::ceil(passes * min_seconds /
                                                            std::max(taken.seconds, 1e-9))));
        passes *= 4;
    }
}

std::vector<double> samples_of(const Pass &pass, const PlacedWeights &weights, double min_seconds,
                               int samples, bool warm) {
    const int threads = static_cast<int>(weights.cpus().size());
    const std::size_t floats = static_cast<std::size_t>(pass.rows) * pass.columns;
    std::vector<lb::Region> outputs;
    for (int i = 0; i < threads; i++)
        outputs.emplace_back(floats * sizeof(float), lb::Pages::small, -1, 0, -1);
    std::vector<double> seconds(samples);
    Stopwatch watch(threads);
    run_on(weights.cpus(), [&](std::size_t thread) {
        auto *s = reinterpret_cast<float *>(outputs[thread].start());
        std::memset(s, 0, floats * sizeof(float));
        const auto work = [&] { pass(weights.of(thread), s); };
        // The first pass warms up; one that is long enough by itself is a sample's length, too.
        // Weights that no cache can keep need none, and fill a sample with one pass.
        long passes = 1;
        if (warm) {
            const Taken first = watch.time(thread, 1, work);
            if (!first.alone || first.seconds < min_seconds)
                passes = passes_of(thread, watch, work, min_seconds);
        }
        for (double &sample : seconds) {
            // Taken again when another program had a CPU meanwhile: a rule that looks at what
            // happened to the threads, never at the time.
            Taken taken = watch.time(thread, passes, work);
            for (int again = 0; !taken.alone && again < most_retakes; again++)
                taken = watch.time(thread, passes, work);
            if (thread == 0)
                sample = taken.seconds / passes;
        }
    });
    return seconds;
}

std::vector<double> time_kernel(const std::string &shape, std::uintptr_t address,
                                const std::string &name, int n, int rows, int columns,
                                int panel_rows, const PlacedWeights &weights,
                                const py::array &activations, double min_seconds, int samples,
                                bool warm) {
    const lb_format &format = lb::format_named(name), &other = lb::activation_of(format);
    const bool vec_dot = shape == "vec_dot";
    if (!vec_dot && shape != "gemv" && shape != "gemm")
        throw py::value_error("no shape is called '" + shape + "'");
    if (n <= 0 || n % format.block_weights != 0 || n % other.block_weights != 0)
        throw py::value_error("a row of " + std::to_string(n) +
                              " weights: expected a multiple of " +
                              std::to_string(std::max(format.block_weights, other.block_weights)));
    if (rows <= 0 || columns <= 0 || samples <= 0 || !(min_seconds >= 0) || min_seconds > 60)
        throw py::value_error("rows, columns and samples are at least 1, min_seconds at most 60");
    if (!vec_dot && panel_rows <= 0)
        throw py::value_error(shape + " works on panels of one row or more");
    if (columns > 1 && shape != "gemm")
        throw py::value_error(shape + " has one column");
    const std::size_t panel = vec_dot ? 1 : panel_rows;
    const std::size_t row_bytes = lb::bytes_of(format, n);
    const std::size_t expected = (rows + panel - 1) / panel * panel * row_bytes;
    lb::expect(weights.bytes() == expected, "weights of a thread", expected, weights.bytes(),
               "bytes");
    lb::expect_bytes(activations, "activations", 2, true);
    lb::expect(activations.shape(0) == columns, "activations", columns, activations.shape(0),
               "rows");
    lb::expect(static_cast<std::size_t>(activations.shape(1)) == lb::bytes_of(other, n),
               "a row of activations", lb::bytes_of(other, n), activations.shape(1), "bytes");
    const lb_shape kind = vec_dot ? LB_VEC_DOT : shape == "gemv" ? LB_GEMV : LB_GEMM;
    const Pass pass{kind, address, n, rows, columns, row_bytes, activations.data()};
    py::gil_scoped_release release;
    return samples_of(pass, weights, min_seconds, samples, warm);
}

} // namespace

void register_timing(py::module_ &m) {
    py::class_<PlacedWeights>(m, "PlacedWeights")
        .def(py::init<const py::array &, std::size_t, std::vector<int>, bool>(), py::arg("pattern"),
             py::arg("bytes_per_thread"), py::arg("cpus"), py::arg("huge_pages") = false)
        .def_property_readonly("bytes_per_thread", &PlacedWeights::bytes)
        .def_property_readonly("cpus", &PlacedWeights::cpus)
        .def_property_readonly("huge_pages", &PlacedWeights::huge);
    m.def("time_kernel", &time_kernel, py::arg("shape"), py::arg("address"), py::arg("format_name"),
          py::arg("length"), py::arg("rows"), py::arg("columns"), py::arg("panel_rows"),
          py::arg("weights"), py::arg("activations"), py::arg("min_seconds") = 2e-4,
          py::arg("samples") = 1, py::arg("warm") = true);
}
