#include "touch.hpp"

#include "counters.hpp"
#include "registry.hpp"
#include "room.hpp"
#include "settings.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE // Linux 5.14, glibc 2.35
#define MADV_POPULATE_WRITE 23
#endif

namespace hugealloc {

namespace {

// A thread costs about as much as zeroing a granule; it gets several.
constexpr std::size_t least_per_thread = 4 * granule;
constexpr std::size_t most_threads = 64;
constexpr std::size_t page = 4096;
// Its own stack and the program's thread-local variables, which lie there too.
constexpr std::size_t stack_bytes = 256 << 10;

struct Part {
    char *start;
    std::size_t granules;
    std::size_t first;
    std::size_t step;
    int cpu;
};

void populate(char *start) {
    if (madvise(start, granule, MADV_POPULATE_WRITE) == 0)
        return;
    for (std::size_t at = 0; at < granule; at += page)
        *const_cast<volatile char *>(start + at) = 0;
}

void *touch_part(void *given) {
    const Part &part = *static_cast<Part *>(given);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(part.cpu, &one);
    // Where that is refused, it runs wherever the system puts it.
    sched_setaffinity(0, sizeof one, &one);
    for (std::size_t i = part.first; i < part.granules; i += part.step)
        populate(part.start + i * granule);
    return nullptr;
}

// The n-th CPU of the set.
int cpu_number(const cpu_set_t &set, std::size_t n) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set) && n-- == 0)
            return cpu;
    return 0;
}

std::size_t nanoseconds() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::size_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::size_t>(time.tv_nsec);
}

// Starts a thread in which no handler of the program runs.
bool start_thread(pthread_t &thread, const pthread_attr_t &attributes, Part &part) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread, &attributes, touch_part, &part) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

} // namespace

void touch(void *start, std::size_t bytes) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    // More than CPU_SETSIZE CPUs are an error here, and nothing is touched.
    if (bytes < 2 * least_per_thread || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    const auto cpus = static_cast<std::size_t>(CPU_COUNT(&allowed));
    const std::size_t count =
        std::min({cpus, settings().threads, bytes / least_per_thread, most_threads});
    if (count < 2 || bytes > available_bytes() / 2)
        return;
    const std::size_t begun = nanoseconds();
    Part parts[most_threads];
    pthread_t threads[most_threads];
    std::size_t running = 0;
    // Waiting may be cancelled, and the threads use this function's variables.
    int cancel = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    while (running < count) {
        parts[running] = {static_cast<char *>(start), bytes / granule, running, count,
                          cpu_number(allowed, running * cpus / count)};
        if (!start_thread(threads[running], attributes, parts[running]))
            break; // its part is left to the program
        ++running;
    }
    pthread_attr_destroy(&attributes);
    for (std::size_t i = 0; i < running; ++i)
        pthread_join(threads[i], nullptr);
    pthread_setcancelstate(cancel, nullptr);
    counters.touched.fetch_add(bytes / count * running, std::memory_order_relaxed);
    counters.touch_nanoseconds.fetch_add(nanoseconds() - begun, std::memory_order_relaxed);
    raise(counters.threads, running);
}

} // namespace hugealloc
