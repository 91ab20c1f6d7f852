#include "probes/loop.hpp"

namespace lb::probes {

std::span<const Loop> loops() {
    static const std::vector<Loop> all = [] {
        std::vector<Loop> found;
        for (const auto &part : {read_loops(), stream_loops(), chase_loops(),
                                 arithmetic_int8_loops(), arithmetic_f32_loops()})
            found.insert(found.end(), part.begin(), part.end());
        return found;
    }();
    return all;
}

} // namespace lb::probes
