#include "settings.hpp"

#include "registry.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace hugealloc {

namespace {

constexpr Settings defaults{.min_bytes = 2 * granule, .threads = SIZE_MAX, .report = false};
constexpr const char *names[] = {"HUGEALLOC_MIN_BYTES", "HUGEALLOC_THREADS", "HUGEALLOC_REPORT"};

enum State { unread, being_read, read };
constinit std::atomic<State> state{unread};
constinit Settings current = defaults;
constinit bool wrong[std::size(names)] = {};

// Reads variable `index` if it is there and a number of at least `least`.
void number(std::size_t index, std::size_t least, std::size_t &value) {
    const char *text = secure_getenv(names[index]);
    if (!text)
        return;
    char *end = nullptr;
    const int before = errno;
    errno = 0;
    const unsigned long long given = std::strtoull(text, &end, 10);
    wrong[index] = errno != 0 || end == text || *end || std::strchr(text, '-') || given < least;
    errno = before;
    if (!wrong[index])
        value = given;
}

void read_all() {
    number(0, granule, current.min_bytes);
    number(1, 0, current.threads);
    std::size_t report = 0;
    number(2, 0, report);
    current.report = report != 0;
}

} // namespace

const Settings &settings() {
    State seen = state.load(std::memory_order_acquire);
    if (seen == read)
        return current;
    // Before libc has its environment, and in a thread that comes while another one reads it.
    if (!environ || seen == being_read ||
        !state.compare_exchange_strong(seen, being_read, std::memory_order_acq_rel))
        return defaults;
    read_all();
    state.store(read, std::memory_order_release);
    return current;
}

const char *misread(std::size_t index) {
    for (std::size_t i = 0; i < std::size(names); ++i)
        if (wrong[i] && index-- == 0)
            return names[i];
    return nullptr;
}

} // namespace hugealloc
