#include "placement/pinned.hpp"
#include "probes/clock.hpp"
#include "probes/loop.hpp"
#include "probes/team.hpp"

#include <memory>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <system_error>

namespace py = pybind11;
using namespace lb;
using namespace lb::probes;

namespace {

constexpr std::size_t small_page = 4096;

Pages to_pages(const std::string &name) {
    if (name == "4K")
        return Pages::small;
    if (name == "huge")
        return Pages::huge;
    if (name == "file")
        return Pages::file;
    throw py::value_error("pages are 4K, huge or file, not " + name);
}

const Loop &loop_at(std::size_t index) {
    if (index >= loops().size())
        throw py::index_error("there are " + std::to_string(loops().size()) + " loops");
    return loops()[index];
}

std::unique_ptr<Team> make_team(const std::vector<int> &cpus, std::size_t bytes,
                                const std::string &pages, int file, int node) {
    if (cpus.empty())
        throw py::value_error("a team has at least one thread");
    for (const int cpu : cpus)
        if (cpu < 0)
            throw py::value_error("a CPU's number is not negative");
    if (bytes == 0 || bytes % small_page)
        throw py::value_error("the bytes of a thread are a multiple of 4096, not " +
                              std::to_string(bytes));
    const Pages kind = to_pages(pages);
    if (kind == Pages::file && file < 0)
        throw py::value_error("pages of a file take an open file");
    const py::gil_scoped_release release;
    return std::make_unique<Team>(cpus, bytes, kind, file, node);
}

std::vector<std::pair<double, bool>> run(Team &team, std::size_t loop, std::size_t slice,
                                         std::size_t passes, std::size_t samples, bool warm) {
    if (slice == 0 || slice % small_page || slice > team.bytes())
        throw py::value_error("a slice is a multiple of 4096 up to " +
                              std::to_string(team.bytes()) + ", not " + std::to_string(slice));
    if (passes == 0 || samples == 0)
        throw py::value_error("passes and samples are at least 1");
    std::vector<std::pair<double, bool>> found;
    for (const Sample &sample : team.run(loop_at(loop), slice, passes, samples, warm))
        found.emplace_back(sample.seconds, sample.alone);
    return found;
}

std::vector<std::pair<double, std::uint64_t>> time_clock(int cpu, std::size_t additions,
                                                         std::size_t samples) {
    if (cpu < 0 || additions == 0 || additions % 64)
        throw py::value_error("additions are a multiple of 64, and a CPU's number not negative");
    std::vector<std::pair<double, std::uint64_t>> found;
    run_pinned({cpu}, [&](std::size_t) {
        for (std::size_t sample = 0; sample < samples; ++sample) {
            const Elapsed elapsed = time_additions(additions);
            found.emplace_back(elapsed.seconds, elapsed.ticks);
        }
    });
    return found;
}

} // namespace

void register_probes(py::module_ &m) {
    // std::system_error has a number that Python has an exception for.
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown)
                std::rethrow_exception(thrown);
        } catch (const std::system_error &error) {
            const py::object made = py::reinterpret_borrow<py::object>(PyExc_OSError)(
                error.code().value(), error.what());
            PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(made.ptr())), made.ptr());
        }
    });

    m.attr("PROBE_SLACK_BYTES") = slack_bytes;
    m.def(
        "probe_loops",
        [] {
            py::list all;
            for (const Loop &loop : loops())
                all.append(py::make_tuple(loop.name, loop.isa, loop.features, loop.width_bits,
                                          loop.streams));
            return py::tuple(all);
        },
        "Return (name, instruction set, features, width in bits, streams) of each loop.");
    m.def(
        "probe_units",
        [](std::size_t loop, std::size_t bytes) { return loop_at(loop).units(bytes); },
        py::arg("loop"), py::arg("size_bytes"),
        "Return the bytes, steps or operations of a pass of a thread over that many bytes.");
    m.def("probe_clock", &time_clock, py::arg("cpu"), py::arg("additions"), py::arg("samples"),
          py::call_guard<py::gil_scoped_release>(),
          "Return seconds and ticks of the time-stamp counter for dependent additions.");

    py::class_<Team>(m, "ProbeTeam", "Threads on CPUs of their own, each with memory of its own.")
        .def(py::init(&make_team), py::kw_only(), py::arg("cpus"), py::arg("size_bytes"),
             py::arg("pages"), py::arg("file") = -1, py::arg("node") = -1)
        .def("prepare", &Team::prepare, py::arg("chase"), py::call_guard<py::gil_scoped_release>(),
             "Touch memory for about 0.1 s; return whether all is ready.")
        .def("run", &run, py::arg("loop"), py::arg("size"), py::arg("passes"), py::arg("samples"),
             py::arg("warm"), py::call_guard<py::gil_scoped_release>(),
             "Return the seconds of each sample, and whether nothing else ran on the CPUs. The CPU "
             "must "
             "have the loop's features.")
        .def_property_readonly("pinned", &Team::pinned)
        .def_property_readonly("refused", &Team::refused)
        .def_property_readonly("extents", &Team::extents);
}
