// Timing a kernel by its address: one pinned thread a CPU, each with weights of its own that lie
// where it first touched them, all started together for every sample.

#include "bindings/byte_views.hpp"
#include "bindings/team.hpp"
#include "kernels/kernel.h"

#include <pybind11/stl.h>

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>
#include <memory>
#include <new>
#include <set>

namespace py = pybind11;

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

double now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void check_cpus(const std::vector<int> &cpus) {
    if (cpus.empty() || std::set<int>(cpus.begin(), cpus.end()).size() != cpus.size())
        throw py::value_error("cpus: expected one or more different CPUs");
    if (std::any_of(cpus.begin(), cpus.end(), [](int c) { return c < 0 || c >= CPU_SETSIZE; }))
        throw py::value_error("cpus: expected numbers from 0 to " +
                              std::to_string(CPU_SETSIZE - 1));
}

// Memory of one thread, aligned to a huge page.
class Buffer {
public:
    explicit Buffer(std::size_t bytes) : mapped_(bytes + huge_page) {
        map_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map_ == MAP_FAILED)
            throw std::bad_alloc();
        const auto start = reinterpret_cast<std::uintptr_t>(map_);
        data_ = reinterpret_cast<std::uint8_t *>((start + huge_page - 1) & ~(huge_page - 1));
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer() {
        munmap(map_, mapped_);
    }

    std::uint8_t *data() const {
        return data_;
    }

private:
    std::size_t mapped_;
    void *map_;
    std::uint8_t *data_;
};

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
            buffers_.push_back(std::make_unique<Buffer>(bytes_));
            const int advice = huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
            if (madvise(buffers_.back()->data(), bytes_, advice) != 0)
                huge_ = false;
        }
        lb::run_pinned(cpus_, [&](int thread) {
            std::uint8_t *to = buffers_[thread]->data();
            for (std::size_t done = 0; done < bytes_; done += length)
                std::memcpy(to + done, source, std::min(length, bytes_ - done));
        });
    }

    const std::uint8_t *of(std::size_t thread) const {
        return buffers_[thread]->data();
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
    std::vector<std::unique_ptr<Buffer>> buffers_;
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

// Wall seconds that all threads together took for so many passes each.
class Stopwatch {
public:
    Stopwatch(int threads) : barrier_(threads), begin_(threads), end_(threads) {}

    template <typename Work> double time(int thread, long passes, const Work &work) {
        barrier_.wait();
        begin_[thread] = now();
        for (long i = 0; i < passes; i++)
            work();
        end_[thread] = now();
        barrier_.wait();
        // All read the same times, before the next sample writes any.
        const double seconds = *std::max_element(end_.begin(), end_.end()) -
                               *std::min_element(begin_.begin(), begin_.end());
        barrier_.wait();
        return seconds;
    }

private:
    lb::SpinBarrier barrier_;
    std::vector<double> begin_, end_;
};

std::vector<double> samples_of(const Pass &pass, const PlacedWeights &weights, double min_seconds,
                               int samples) {
    const int threads = static_cast<int>(weights.cpus().size());
    const std::size_t floats = static_cast<std::size_t>(pass.rows) * pass.columns;
    std::vector<std::unique_ptr<Buffer>> outputs;
    for (int i = 0; i < threads; i++)
        outputs.push_back(std::make_unique<Buffer>(floats * sizeof(float)));
    std::vector<double> seconds(samples);
    Stopwatch watch(threads);
    lb::run_pinned(weights.cpus(), [&](int thread) {
        auto *s = reinterpret_cast<float *>(outputs[thread]->data());
        std::memset(s, 0, floats * sizeof(float));
        const auto work = [&] { pass(weights.of(thread), s); };
        // Warm up, until a run is long enough to tell how many passes make a sample.
        watch.time(thread, 1, work);
        long passes = 1;
        for (;;) {
            const double took = watch.time(thread, passes, work);
            if (took >= min_seconds / 4 || passes > (1L << 40)) {
                const double wanted = std::ceil(passes * min_seconds / std::max(took, 1e-9));
                passes = std::max(1L, static_cast<long>(wanted));
                break;
            }
            passes *= 4;
        }
        for (double &sample : seconds) {
            const double took = watch.time(thread, passes, work) / passes;
            if (thread == 0)
                sample = took;
        }
    });
    return seconds;
}

std::vector<double> time_kernel(const std::string &shape, std::uintptr_t address,
                                const std::string &name, int n, int rows, int columns,
                                int panel_rows, const PlacedWeights &weights,
                                const py::array &activations, double min_seconds, int samples) {
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
    return samples_of(pass, weights, min_seconds, samples);
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
          py::arg("samples") = 1);
}
