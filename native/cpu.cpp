#include "cpu.hpp"

#include <pybind11/pybind11.h>

namespace py = pybind11;

void register_cpu(py::module_ &m) {
    m.def(
        "cpuid",
        [](std::uint32_t leaf, std::uint32_t subleaf) {
            const auto r = llamabuild::cpuid(leaf, subleaf);
            return py::make_tuple(r.eax, r.ebx, r.ecx, r.edx);
        },
        py::arg("leaf"), py::arg("subleaf") = 0,
        "Return (eax, ebx, ecx, edx) of a CPUID leaf; zeros where the CPU doesn't have it.");
    m.def("xcr0", &llamabuild::xcr0,
          "Return XCR0, the register states that the operating system saves; 0 without XSAVE.");
    m.def(
        "hwcap",
        [] {
            const auto capabilities = llamabuild::hardware_capabilities();
            return py::make_tuple(capabilities.hwcap, capabilities.hwcap2);
        },
        "Return the kernel's (AT_HWCAP, AT_HWCAP2) on 64-bit ARM; zeros elsewhere.");
}
