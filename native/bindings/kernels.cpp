// The registered kernels, and running a function by its address. ggml's functions have the same
// signatures, so that a kernel of either side takes the same path. Every length is checked here
// against the format; whether the CPU has the instructions is checked in Python, which knows it.

#include "bindings/byte_views.hpp"
#include "kernels/kernel.h"

#include <pybind11/stl.h>

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace py = pybind11;

void register_timing(py::module_ &m);

namespace {

const char *name_of(lb_shape shape) {
    return shape == LB_VEC_DOT ? "vec_dot" : shape == LB_GEMV ? "gemv" : "gemm";
}

// The name under which the dynamic linker knows a function, or "" when it doesn't.
std::string symbol_at(std::uintptr_t address) {
    Dl_info found;
    void *wanted = reinterpret_cast<void *>(address);
    if (dladdr(wanted, &found) == 0 || found.dli_saddr != wanted)
        return "";
    return found.dli_sname;
}

// The file that holds the code at an address, or "" when none does.
std::string file_at(std::uintptr_t address) {
    Dl_info found;
    return dladdr(reinterpret_cast<void *>(address), &found) == 0 ? "" : found.dli_fname;
}

std::uintptr_t address_of(const lb_kernel &kernel) {
    return kernel.shape == LB_VEC_DOT ? reinterpret_cast<std::uintptr_t>(kernel.run.vec_dot)
                                      : reinterpret_cast<std::uintptr_t>(kernel.run.gemm);
}

auto isas() {
    std::size_t count;
    const lb_isa *list = lb_isas(&count);
    std::vector<std::tuple<std::string, std::string, std::string>> rows;
    for (const lb_isa *isa = list; isa != list + count; isa++)
        rows.emplace_back(isa->name, isa->description, isa->features);
    return rows;
}

auto kernels() {
    std::size_t count;
    const lb_kernel *list = lb_kernels(&count);
    std::vector<std::tuple<std::string, std::string, std::string, int, std::string, std::uintptr_t>>
        rows;
    for (const lb_kernel *k = list; k != list + count; k++)
        rows.emplace_back(k->format, name_of(k->shape), k->isa, k->panel_rows,
                          symbol_at(address_of(*k)), address_of(*k));
    return rows;
}

const lb_packing &packing_of(const std::string &format, int panel_rows) {
    std::size_t count;
    const lb_packing *list = lb_packings(&count);
    const auto *found = std::find_if(list, list + count, [&](const lb_packing &p) {
        return p.format == format && p.panel_rows == panel_rows;
    });
    if (found == list + count)
        throw py::value_error(format + " has no layout of " + std::to_string(panel_rows) +
                              " rows a panel");
    return *found;
}

auto packings() {
    std::size_t count;
    const lb_packing *list = lb_packings(&count);
    std::vector<std::tuple<std::string, int>> rows;
    for (const lb_packing *p = list; p != list + count; p++)
        rows.emplace_back(p->format, p->panel_rows);
    return rows;
}

std::size_t packed_bytes(const lb_format &format, int panel_rows, std::size_t rows, int n) {
    const std::size_t panels = (rows + panel_rows - 1) / panel_rows;
    return panels * panel_rows * lb::bytes_of(format, n);
}

// Rows or columns as a kernel counts them.
int count_of(py::ssize_t count, const char *what) {
    if (count < 0 || count > INT_MAX)
        throw py::value_error(std::string(what) + ": " + std::to_string(count) +
                              " is not a count of rows");
    return static_cast<int>(count);
}

py::array_t<float> vec_dot(std::uintptr_t address, const std::string &name,
                           const py::array &weights, const py::array &activation) {
    const lb_format &format = lb::format_named(name), &other = lb::activation_of(format);
    lb::expect_bytes(weights, "weights", 2, false);
    lb::expect_bytes(activation, "activation", 1, true);
    const int n = lb::values_in(format, weights.shape(1), "a row of weights");
    lb::expect(n % other.block_weights == 0, "a row of weights", other.block_weights, n,
               "values or a multiple of them");
    const auto expected = lb::bytes_of(other, n);
    lb::expect(static_cast<std::size_t>(activation.size()) == expected, "activation", expected,
               activation.size(), "bytes");
    py::array_t<float> dots(weights.shape(0));
    const auto run = reinterpret_cast<lb_vec_dot>(address);
    const std::uint8_t *x = lb::bytes(weights), *y = lb::bytes(activation);
    const py::ssize_t rows = weights.shape(0), stride = weights.strides(0);
    float *s = dots.mutable_data();
    py::gil_scoped_release release;
    for (py::ssize_t r = 0; r < rows; r++)
        run(n, s + r, 0, x + r * stride, 0, y, 0, 1);
    return dots;
}

py::array_t<float> gemm(std::uintptr_t address, const std::string &name, int panel_rows,
                        const py::array &packed, const py::array &activations, py::ssize_t nc) {
    const lb_format &format = lb::format_named(name), &other = lb::activation_of(format);
    lb::expect(panel_rows > 0, "rows a panel", 1, 0, "or more");
    lb::expect_bytes(packed, "packed weights", 1, true);
    lb::expect_bytes(activations, "activations", 2, true);
    const int rows = count_of(nc, "weights"),
              columns = count_of(activations.shape(0), "activations");
    const int n = lb::values_in(other, activations.shape(1), "a row of activations");
    lb::expect(n % format.block_weights == 0, "a row of activations", format.block_weights, n,
               "values or a multiple of them");
    const auto expected = packed_bytes(format, panel_rows, rows, n);
    lb::expect(static_cast<std::size_t>(packed.size()) == expected, "packed weights", expected,
               packed.size(), "bytes");
    py::array_t<float> dots({columns, rows});
    // What a kernel leaves out must not look like a result.
    std::fill_n(dots.mutable_data(), dots.size(), std::numeric_limits<float>::quiet_NaN());
    const auto run = reinterpret_cast<lb_gemm>(address);
    const std::uint8_t *x = lb::bytes(packed), *y = lb::bytes(activations);
    float *s = dots.mutable_data();
    py::gil_scoped_release release;
    if (rows > 0 && columns > 0)
        run(n, s, rows, x, y, columns, rows);
    return dots;
}

void pack(const std::string &name, int panel_rows, const py::array &rows, py::array packed) {
    const lb_format &format = lb::format_named(name);
    const lb_packing &packing = packing_of(name, panel_rows);
    lb::expect_bytes(rows, "weights", 2, true);
    lb::expect_bytes(packed, "packed weights", 1, true);
    const int n = lb::values_in(format, rows.shape(1), "a row of weights");
    const int count = count_of(rows.shape(0), "weights");
    const auto expected = packed_bytes(format, panel_rows, count, n);
    lb::expect(static_cast<std::size_t>(packed.size()) == expected, "packed weights", expected,
               packed.size(), "bytes");
    void *to = packed.mutable_data();
    const void *from = rows.data();
    py::gil_scoped_release release;
    if (count > 0)
        packing.pack(n, count, from, to);
}

py::array_t<std::uint8_t> unpack(const std::string &name, int panel_rows, const py::array &packed,
                                 py::ssize_t nc, int n) {
    const lb_format &format = lb::format_named(name);
    const lb_packing &packing = packing_of(name, panel_rows);
    lb::expect_bytes(packed, "packed weights", 1, true);
    const int rows = count_of(nc, "weights");
    if (n <= 0 || n % format.block_weights != 0)
        throw py::value_error("a row of " + std::to_string(n) +
                              " weights: expected a multiple of " +
                              std::to_string(format.block_weights));
    const auto expected = packed_bytes(format, panel_rows, rows, n);
    lb::expect(static_cast<std::size_t>(packed.size()) == expected, "packed weights", expected,
               packed.size(), "bytes");
    const auto width = static_cast<py::ssize_t>(lb::bytes_of(format, n));
    py::array_t<std::uint8_t> out({nc, width});
    const void *from = packed.data();
    void *to = out.mutable_data();
    py::gil_scoped_release release;
    if (rows > 0)
        packing.unpack(n, rows, from, to);
    return out;
}

} // namespace

void register_kernels(py::module_ &m) {
    m.def("kernel_isas", &isas);
    m.def("kernels", &kernels);
    m.def("kernel_packings", &packings);
    m.def("file_at", &file_at, py::arg("address"));
    m.def("run_vec_dot", &vec_dot, py::arg("address"), py::arg("format_name"), py::arg("weights"),
          py::arg("activation"));
    m.def("run_gemm", &gemm, py::arg("address"), py::arg("format_name"), py::arg("panel_rows"),
          py::arg("packed"), py::arg("activations"), py::arg("rows"));
    m.def("pack_rows", &pack, py::arg("format_name"), py::arg("panel_rows"), py::arg("rows"),
          py::arg("packed"));
    m.def("unpack_rows", &unpack, py::arg("format_name"), py::arg("panel_rows"), py::arg("packed"),
          py::arg("rows"), py::arg("length"));
    register_timing(m);
}
