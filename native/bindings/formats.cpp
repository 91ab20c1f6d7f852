// Python's view of the formats. llamabuild/kernels/formats.py checks shapes and allocates; here is
// checked what keeps memory safe.

#include "formats/format.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

void register_formats(py::module_ &m);

namespace {

using Values = py::array_t<float, py::array::c_style>;
using Blocks = py::array_t<std::uint8_t, py::array::c_style>;

const lb_format &find(const std::string &name) {
    const lb_format *format = lb_find_format(name.c_str());
    if (format == nullptr)
        throw py::value_error("unknown format '" + name + "'");
    return *format;
}

void check(const lb_format &format, const Values &values, const Blocks &blocks) {
    const py::ssize_t count = values.size() / format.block_weights;
    const auto bytes = static_cast<py::ssize_t>(format.block_bytes);
    if (values.size() % format.block_weights != 0 || blocks.size() != count * bytes) {
        throw py::value_error(std::to_string(values.size()) + " values and " +
                              std::to_string(blocks.size()) + " bytes are not the same blocks of " +
                              format.name);
    }
}

void quantize(const std::string &name, const Values &values, Blocks &blocks) {
    const lb_format &format = find(name);
    check(format, values, blocks);
    const float *from = values.data();
    std::uint8_t *to = blocks.mutable_data();
    const py::ssize_t size = values.size();
    const py::gil_scoped_release release;
    format.quantize(from, to, size);
}

void dequantize(const std::string &name, const Blocks &blocks, Values &values) {
    const lb_format &format = find(name);
    check(format, values, blocks);
    const std::uint8_t *from = blocks.data();
    float *to = values.mutable_data();
    const py::ssize_t size = values.size();
    const py::gil_scoped_release release;
    format.dequantize(from, to, size);
}

} // namespace

void register_formats(py::module_ &m) {
    m.def(
        "formats",
        [] {
            std::size_t count = 0;
            const lb_format *all = lb_formats(&count);
            py::list result;
            for (std::size_t i = 0; i < count; ++i) {
                const lb_format &f = all[i];
                result.append(py::make_tuple(f.name, f.block_weights, f.block_bytes, f.activation));
            }
            return result;
        },
        "Return name, weights and bytes of a block, and the activations' format, of each format.");
    // noconvert: a converted copy of an output would be written to and thrown away.
    m.def("quantize", &quantize, py::arg("name"), py::arg("values").noconvert(),
          py::arg("blocks").noconvert(), "Write values (float32) as blocks (uint8).");
    m.def("dequantize", &dequantize, py::arg("name"), py::arg("blocks").noconvert(),
          py::arg("values").noconvert(), "Write blocks (uint8) as values (float32).");
}
