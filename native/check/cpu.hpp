// Whether this CPU, and the operating system on it, can run an instruction set.

#pragma once

#include "kernels/kernel.h"

#include <string>

namespace lb::check {

// The first feature of the set that is lacking; empty when it can run.
std::string lacking_feature(const lb_isa &isa);

} // namespace lb::check
