// kernel_check: every kernel that this CPU can run against the values that its blocks stand for.
//
//   kernel_check [--list] [--kernel GLOB] [--seed N] [--aligned]
//
// --list     names the kernels and packings
// --kernel   checks those whose name matches, such as gemm_q4_K_16_avx512vnni or vec_dot_*_avx2
// --aligned  keeps blocks and results at addresses that are multiples of their C++ types'
//            alignment, for a sanitizer that asks for it; otherwise they lie at any address
//
// Prints a line for each; exits with 1 if one failed, with 2 on wrong arguments.

#include "check/cases.hpp"
#include "check/cpu.hpp"
#include "check/run.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fnmatch.h>
#include <map>
#include <span>
#include <string>
#include <unistd.h>

namespace {

using namespace lb::check;

struct Arguments {
    const char *glob = "*";
    std::uint64_t seed = 1;
    bool list = false, aligned = false;
};

struct Totals {
    int checked = 0, failed = 0, skipped = 0;
    std::map<std::string, int> lacking;
};

constexpr const char *shapes[] = {"vec_dot", "gemv", "gemm"};

std::string name_of(const lb_kernel &kernel) {
    std::string name = std::string(shapes[kernel.shape]) + "_" + kernel.format;
    if (kernel.panel_rows)
        name += "_" + std::to_string(kernel.panel_rows);
    return name + "_" + kernel.isa;
}

std::string name_of(const lb_packing &packing) {
    return std::string("pack_") + packing.format + "_" + std::to_string(packing.panel_rows);
}

bool wanted(const Arguments &arguments, const std::string &name) {
    return fnmatch(arguments.glob, name.c_str(), 0) == 0;
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
            return lb::check::lacking_feature(isa);
    }
    return std::string("a known instruction set, not ") + kernel.isa;
}

void report(const std::string &name, const Outcome &outcome, Totals &totals) {
    std::printf("%-6s %s: %ld results", outcome.wrong ? "FAILED" : "ok", name.c_str(),
                outcome.results);
    if (outcome.wrong)
        std::printf(", %ld wrong", outcome.wrong);
    std::putchar('\n');
    for (const std::string &complaint : outcome.complaints)
        std::printf("       %s\n", complaint.c_str());
    ++(outcome.wrong ? totals.failed : totals.checked);
}

// Checks what there is of one format, problem by problem, because what a problem's results have to
// be takes longer than most kernels.
void check_format(const lb_format &format, const Arguments &arguments, Totals &totals) {
    std::vector<const lb_kernel *> chosen;
    std::vector<const lb_packing *> chosen_packings;
    int most_rows = 3;
    for (const lb_kernel &kernel : kernels()) {
        if (std::strcmp(kernel.format, format.name) != 0 || !wanted(arguments, name_of(kernel)))
            continue;
        if (const auto feature = lacking_feature(kernel); !feature.empty()) {
            ++totals.skipped;
            ++totals.lacking[feature];
            std::printf("skip   %s: the CPU lacks %s\n", name_of(kernel).c_str(), feature.c_str());
            continue;
        }
        chosen.push_back(&kernel);
        most_rows = std::max(most_rows, 4 * kernel.panel_rows + 3);
    }
    for (const lb_packing &packing : packings()) {
        if (std::strcmp(packing.format, format.name) == 0 && wanted(arguments, name_of(packing)))
            chosen_packings.push_back(&packing);
    }
    if (chosen.empty() && chosen_packings.empty())
        return;
    const lb_vec_dot reference = reference_of(format.name);
    if (!reference) {
        std::printf("FAILED %s: no scalar vec_dot to compare with\n", format.name);
        ++totals.failed;
        return;
    }
    Random random(arguments.seed);
    Runner runner(std::size_t{1} << 19, arguments.aligned, arguments.seed);
    std::vector<Outcome> outcomes(chosen.size()), packing_outcomes(chosen_packings.size());
    for (const Problem &problem : problems(format, most_rows, random)) {
        const Expected expected = expect(problem, reference);
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            const lb_kernel &kernel = *chosen[i];
            if (kernel.shape == LB_VEC_DOT)
                runner.vec_dot(kernel, problem, expected, outcomes[i]);
            else if (const lb_packing *packing = packing_of(kernel))
                runner.panels(kernel, *packing, problem, expected, outcomes[i]);
            else
                outcomes[i].note("there is no packing for it");
        }
        for (std::size_t i = 0; i < chosen_packings.size(); ++i)
            runner.round_trip(*chosen_packings[i], problem, packing_outcomes[i]);
    }
    for (std::size_t i = 0; i < chosen.size(); ++i)
        report(name_of(*chosen[i]), outcomes[i], totals);
    for (std::size_t i = 0; i < chosen_packings.size(); ++i)
        report(name_of(*chosen_packings[i]), packing_outcomes[i], totals);
}

void list(const Arguments &arguments) {
    for (const lb_kernel &kernel : kernels()) {
        if (wanted(arguments, name_of(kernel)))
            std::puts(name_of(kernel).c_str());
    }
    for (const lb_packing &packing : packings()) {
        if (wanted(arguments, name_of(packing)))
            std::puts(name_of(packing).c_str());
    }
}

// Only what a signal handler may call.
void say_where(int signal) {
    const char *what = signal == SIGILL ? "illegal instruction in " : "bad access in ";
    const char *parts[] = {"FAILED ", what, at, "\n"};
    for (const char *part : parts) {
        if (write(STDOUT_FILENO, part, std::strlen(part)) < 0)
            break;
    }
    _exit(1);
}

bool parse(std::span<char *> words, Arguments &arguments) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const bool has_value = i + 1 < words.size();
        if (word == "--list")
            arguments.list = true;
        else if (word == "--aligned")
            arguments.aligned = true;
        else if (word == "--kernel" && has_value)
            arguments.glob = words[++i];
        else if (word == "--seed" && has_value)
            arguments.seed = std::strtoull(words[++i], nullptr, 0);
        else
            return false;
    }
    return true;
}

} // namespace

int main(int argc, char **argv) {
    Arguments arguments;
    if (!parse({argv + 1, argv + argc}, arguments)) {
        std::fputs("usage: kernel_check [--list] [--kernel GLOB] [--seed N] [--aligned]\n", stderr);
        return 2;
    }
    if (arguments.list) {
        list(arguments);
        return 0;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE})
        std::signal(signal, say_where);
    Totals totals;
    size_t count;
    const lb_format *formats = lb_formats(&count);
    for (const lb_format &format : std::span(formats, count)) {
        if (format.activation)
            check_format(format, arguments, totals);
    }
    std::printf("%d checked, %d failed, %d skipped", totals.checked + totals.failed, totals.failed,
                totals.skipped);
    const char *separator = " (CPU lacks ";
    for (const auto &[feature, kernels] : totals.lacking) {
        std::printf("%s%s", separator, feature.c_str());
        separator = ", ";
    }
    std::puts(totals.lacking.empty() ? "" : ")");
    return totals.failed || totals.checked + totals.failed == 0;
}
