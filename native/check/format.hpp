// Checks all kernels and packings of one format.

#pragma once

#include "formats/format.h"

#include <cstdint>
#include <set>
#include <string>

namespace lb::check {

struct Selection {
    const char *glob = "*"; // of names
    std::uint64_t seed = 1;
};

struct Totals {
    int checked = 0, failed = 0, skipped = 0; // failed ones are among the checked ones
    std::set<std::string> lacking;            // features of the skipped ones
};

// Prints a line for each kernel and packing, and what was wrong with it.
void check_format(const lb_format &format, const Selection &selection, Totals &totals);

} // namespace lb::check
