// One line when the process ends, for those who ask for it.

#include "counters.hpp"
#include "settings.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace hugealloc {

namespace {

constinit int output = -1;

void say(const char *text, int length, std::size_t room) {
    if (length > 0 && write(output, text, std::min<std::size_t>(length, room - 1)) < 0)
        return; // nobody listens
}

// The word in brackets of what the kernel offers: always, madvise or never.
template <std::size_t size> void huge_page_mode(char (&mode)[size]) {
    char text[128] = {};
    const int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) < 0)
            text[0] = 0;
        close(file);
    }
    const char *begin = std::strchr(text, '[');
    const char *end = begin ? std::strchr(begin, ']') : nullptr;
    std::snprintf(mode, size, "%.*s", end ? static_cast<int>(end - begin - 1) : 7,
                  end ? begin + 1 : "unknown");
}

// Programs such as sort close stderr before they end: a descriptor of our own stays open.
__attribute__((constructor)) void begin() {
    const Settings &given = settings();
    if (given.report)
        output = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
    for (std::size_t i = 0; const char *name = misread(i); ++i)
        dprintf(STDERR_FILENO, "hugealloc: %s is not a number that can be used; ignored\n", name);
}

__attribute__((destructor)) void end() {
    if (output < 0)
        return;
    char mode[16];
    huge_page_mode(mode);
    const bool none = !std::strcmp(mode, "never") || counters.refused > 0;
    char line[512];
    const int length =
        std::snprintf(line, sizeof line,
                      "hugealloc: %zu regions, %zu bytes asked, %zu bytes at the most, %zu bytes "
                      "touched by up to "
                      "%zu threads in %.1f ms; huge pages: %s%s\n",
                      counters.regions.load(), counters.asked.load(), counters.peak.load(),
                      counters.touched.load(), counters.threads.load(),
                      static_cast<double>(counters.touch_nanoseconds.load()) * 1e-6, mode,
                      none ? " (the kernel gives none: plain memory)" : "");
    say(line, length, sizeof line);
}

} // namespace

} // namespace hugealloc
