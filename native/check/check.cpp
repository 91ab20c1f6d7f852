// kernel_check: every kernel that this CPU can run against the values that its blocks stand for.
//
//   kernel_check [--list] [--kernel GLOB] [--seed N]
//
// --list     names the kernels and packings
// --kernel   checks those whose name matches, such as gemm_q4_K_16_avx512vnni or vec_dot_*_avx2
//
// Prints a line for each; exits with 1 if one failed, with 2 on wrong arguments.

#include "check/format.hpp"
#include "check/listed.hpp"
#include "check/run.hpp"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <unistd.h>

namespace {

using namespace lb::check;

struct Arguments : Selection {
    bool list = false;
};

void list(const Arguments &arguments) {
    for (const lb_kernel &kernel : kernels()) {
        if (wanted(name_of(kernel), arguments.glob))
            std::puts(name_of(kernel).c_str());
    }
    for (const lb_packing &packing : packings()) {
        if (wanted(name_of(packing), arguments.glob))
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
        std::fputs("usage: kernel_check [--list] [--kernel GLOB] [--seed N]\n", stderr);
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
    for (const lb_format &format : formats()) {
        if (format.activation)
            check_format(format, arguments, totals);
    }
    std::printf("%d checked, %d failed, %d skipped", totals.checked, totals.failed, totals.skipped);
    const char *separator = " (CPU lacks ";
    for (const std::string &feature : totals.lacking) {
        std::printf("%s%s", separator, feature.c_str());
        separator = ", ";
    }
    std::puts(totals.lacking.empty() ? "" : ")");
    return totals.failed || totals.checked == 0;
}
