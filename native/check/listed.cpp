#include "check/listed.hpp"

#include "check/cpu.hpp"

#include <cstring>
#include <fnmatch.h>

namespace lb::check {

constexpr const char *shapes[] = {"vec_dot", "gemv", "gemm"};

std::string name_of(const lb_kernel &kernel) {
    std::string name = std::string(shapes[kernel.shape]) + "_" + kernel.format;
    if (kernel.panel_rows)
        name.append("_").append(std::to_string(kernel.panel_rows));
    return name.append("_").append(kernel.isa);
}

std::string name_of(const lb_packing &packing) {
    return std::string("pack_") + packing.format + "_" + std::to_string(packing.panel_rows);
}

std::span<const lb_kernel> kernels() {
    size_t count;
    const lb_kernel *first = lb_kernels(&count);
    return {first, count};
}

std::span<const lb_packing> packings() {
    size_t count;
    const lb_packing *first = lb_packings(&count);
    return {first, count};
}

std::span<const lb_format> formats() {
    size_t count;
    const lb_format *first = lb_formats(&count);
    return {first, count};
}

const lb_packing *packing_of(const lb_kernel &kernel) {
    for (const lb_packing &packing : packings()) {
        if (std::strcmp(packing.format, kernel.format) == 0 &&
            packing.panel_rows == kernel.panel_rows)
            return &packing;
    }
    return nullptr;
}

lb_vec_dot reference_of(const char *format) {
    for (const lb_kernel &kernel : kernels()) {
        if (kernel.shape == LB_VEC_DOT && std::strcmp(kernel.format, format) == 0 &&
            std::strcmp(kernel.isa, "scalar") == 0)
            return kernel.run.vec_dot;
    }
    return nullptr;
}

std::string lacking_feature(const lb_kernel &kernel) {
    size_t count;
    const lb_isa *isas = lb_isas(&count);
    for (const lb_isa &isa : std::span(isas, count)) {
        if (std::strcmp(isa.name, kernel.isa) == 0)
            return lacking_feature(isa);
    }
    return std::string("a known instruction set, not ") + kernel.isa;
}

bool wanted(const std::string &name, const char *glob) {
    return fnmatch(glob, name.c_str(), 0) == 0;
}

} // namespace lb::check
