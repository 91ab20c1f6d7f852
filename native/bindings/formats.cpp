#include <pybind11/pybind11.h>

void register_formats(pybind11::module_ &) {}
