// llamabuild._native: a table of contents. Each part of the module registers itself.

#include <pybind11/pybind11.h>

void register_cpu(pybind11::module_ &m);
void register_formats(pybind11::module_ &m);
void register_isa_scan(pybind11::module_ &m);
void register_kernels(pybind11::module_ &m);
void register_probes(pybind11::module_ &m);

PYBIND11_MODULE(_native, m) {
    m.doc() = "The parts of llamabuild that need machine instructions or speed.";
    register_cpu(m);
    register_isa_scan(m);
    register_formats(m);
    register_kernels(m);
    register_probes(m);
}
