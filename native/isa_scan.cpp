// Python's view of the disassembly scanner: llamabuild._native.IsaScanner.

#include "isa_disassembly.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>

namespace py = pybind11;

void register_isa_scan(py::module_ &m);

namespace {

using namespace llamabuild::isa;

using SegmentTuple = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
using RuleTuple = std::tuple<std::string, unsigned, unsigned, Mask>;

constexpr std::size_t read_size = 1 << 18;
constexpr std::size_t batch_size = 1 << 17;
constexpr std::chrono::milliseconds batch_pause{3};
constexpr std::size_t complaint_limit = 4096;
constexpr int poll_milliseconds = 200;

class Scanner {
public:
    Scanner(const std::string &architecture, std::vector<std::string> groups,
            const std::vector<RuleTuple> &rules, std::vector<Mask> otherwise,
            std::vector<Mask> every, const std::vector<std::string> &prefixes,
            const std::optional<Extents> &extents, int file, const std::vector<SegmentTuple> &code)
        : groups_(std::move(groups)),
          disassembly_(
              {architecture, unpacked(rules), std::move(otherwise), std::move(every), prefixes},
              groups_.size(), extents, Code(file, segments(code))) {
        if (groups_.size() > group_limit) {
            throw std::invalid_argument("too many groups");
        }
    }

    void feed(const std::string_view text) {
        const py::gil_scoped_release release;
        disassembly_.feed(text);
    }

    // Reads both pipes until they close; false at the deadline. Signals are handled meanwhile.
    bool read(int output, int errors, double timeout_seconds) {
        const auto deadline = std::chrono::steady_clock::now() +
                              std::chrono::duration<double>(std::min(timeout_seconds, 1e6));
        const py::gil_scoped_release release;
        std::array<pollfd, 2> pipes{{{output, POLLIN, 0}, {errors, POLLIN, 0}}};
        std::vector<char> buffer(read_size);
        auto signals_checked = std::chrono::steady_clock::now();
        while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
            ::poll(pipes.data(), pipes.size(), poll_milliseconds);
            for (std::size_t i = 0; i < pipes.size(); ++i) {
                if (pipes[i].fd >= 0 && pipes[i].revents != 0 && !take(i, pipes[i].fd, buffer)) {
                    pipes[i].fd = -1;
                }
            }
            const auto now = std::chrono::steady_clock::now();
            if (now >= deadline) {
                return false;
            }
            if (now - signals_checked >= std::chrono::milliseconds(poll_milliseconds)) {
                signals_checked = now;
                const py::gil_scoped_acquire acquire;
                if (PyErr_CheckSignals() != 0) {
                    throw py::error_already_set();
                }
            }
        }
        return true;
    }

    std::string complaints() const {
        return complaints_;
    }

    py::list finish() {
        py::list objects;
        for (const Object &object : disassembly_.finish()) {
            py::list functions;
            for (const Function &function : object.functions) {
                py::dict counts;
                for (std::size_t i = 0; i < groups_.size(); ++i) {
                    if (function.groups[i] != 0) {
                        counts[py::str(groups_[i])] = function.groups[i];
                    }
                }
                functions.append(py::make_tuple(text(function.name), function.address,
                                                function.size, function.instructions,
                                                function.vector, counts));
            }
            objects.append(
                py::make_tuple(text(object.name), text(object.format), object.symbols, functions));
        }
        return objects;
    }

private:
    static std::vector<Rule> unpacked(const std::vector<RuleTuple> &rules) {
        std::vector<Rule> result;
        result.reserve(rules.size());
        for (const auto &[mnemonics, forms, classes, effect] : rules) {
            result.push_back({mnemonics, forms, classes, effect});
        }
        return result;
    }

    static std::vector<Segment> segments(const std::vector<SegmentTuple> &code) {
        std::vector<Segment> result;
        for (const auto &[address, offset, size] : code) {
            result.push_back({address, offset, size});
        }
        return result;
    }

    // Symbol names are bytes of the file: whatever isn't UTF-8 is replaced.
    static py::str text(const std::string &bytes) {
        return py::reinterpret_steal<py::str>(
            PyUnicode_DecodeUTF8(bytes.data(), static_cast<py::ssize_t>(bytes.size()), "replace"));
    }

    bool take(std::size_t index, int descriptor, std::vector<char> &buffer) {
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            return true;
        }
        if (count < 0) {
            throw std::system_error(errno, std::generic_category(), "reading objdump");
        }
        const std::string_view data(buffer.data(), static_cast<std::size_t>(count));
        if (index == 0) {
            disassembly_.feed(data);
        } else {
            complaints_.append(data.substr(0, complaint_limit - complaints_.size()));
        }
        if (index == 0 && count > 0 && data.size() < batch_size) {
            // Taken as soon as it comes, the text costs a switch for every 4 kB on both sides.
            std::this_thread::sleep_for(batch_pause);
        }
        return count > 0;
    }

    std::vector<std::string> groups_;
    Disassembly disassembly_;
    std::string complaints_;
};

template <typename Names> py::tuple names(const Names &from) {
    py::tuple result(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
        result[i] = py::str(std::string(from[i]));
    }
    return result;
}

} // namespace

void register_isa_scan(py::module_ &m) {
    m.attr("ISA_LISTED") = listed;
    m.attr("ISA_EXEMPT") = exempt;
    m.attr("ISA_NO_VECTOR") = no_vector;
    m.def("demangled", [](const std::string &name) { return demangled(name); });
    m.def(
        "isa_columns",
        [](const std::string &architecture) {
            return architecture == "aarch64"
                       ? py::make_tuple(names(aarch64::forms), names(aarch64::classes))
                       : py::make_tuple(names(x86::forms), names(x86::classes));
        },
        py::arg("architecture"),
        "Encoding forms and operand classes that the rules of an architecture speak of.");
    py::class_<Scanner>(m, "IsaScanner",
                        "Counts instructions by ISA group and function in objdump's text.")
        .def(py::init<const std::string &, std::vector<std::string>, const std::vector<RuleTuple> &,
                      std::vector<Mask>, std::vector<Mask>, const std::vector<std::string> &,
                      const std::optional<Extents> &, int, const std::vector<SegmentTuple> &>(),
             py::kw_only(), py::arg("architecture"), py::arg("groups"), py::arg("rules"),
             py::arg("otherwise"), py::arg("every"), py::arg("prefixes"), py::arg("extents"),
             py::arg("file"), py::arg("code"))
        .def("feed", &Scanner::feed, py::arg("text"), "Take a piece of the text, of any size.")
        .def("read", &Scanner::read, py::arg("output"), py::arg("errors"),
             py::arg("timeout_seconds"),
             "Read two file descriptors until both close; False at the deadline.")
        .def_property_readonly("complaints", &Scanner::complaints, "What came on ``errors``.")
        .def("finish", &Scanner::finish, "Return what was found; the scanner is empty after it.");
}
