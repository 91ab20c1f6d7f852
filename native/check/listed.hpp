// The lists of kernels, packings and formats, with a name for each.

#pragma once

#include "formats/format.h"
#include "kernels/kernel.h"

#include <span>
#include <string>

namespace lb::check {

std::span<const lb_kernel> kernels();
std::span<const lb_packing> packings();
std::span<const lb_format> formats();

// Such as vec_dot_q4_K_avx2, gemm_q4_K_16_avx512 and pack_q4_K_16.
std::string name_of(const lb_kernel &kernel);
std::string name_of(const lb_packing &packing);

// Whether a name matches a shell pattern.
bool wanted(const std::string &name, const char *glob);

// The packing of a kernel's panels, and the scalar vec_dot of a format; null if there is none.
const lb_packing *packing_of(const lb_kernel &kernel);
lb_vec_dot reference_of(const char *format);

// What this CPU lacks to run the kernel; empty if it can.
std::string lacking_feature(const lb_kernel &kernel);

} // namespace lb::check
