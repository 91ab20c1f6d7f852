// A sampling profiler for one process, preloaded: where a program's CPU time goes, without perf.
//
// A timer of the process's CPU time (ITIMER_PROF) sends SIGPROF to whichever thread runs when it
// expires, so threads are sampled in proportion to what they use. The handler stores time and
// program counter in a fixed buffer; everything is written to the file that LLAMABUILD_SAMPLES
// names when the process exits:
//
//     maps NANOSECONDS        what is mapped now, as /proc/self/maps has it, up to "end"
//     ...
//     end
//     samples STORED LOST
//     NANOSECONDS PC          of CLOCK_MONOTONIC; hexadecimal
//
// There is one "maps" before each dlclose, since it may take code away, and one at the end.

#include "buffer.hpp"
#include "output.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

namespace {

using llamabuild::sampler::Buffer;
using llamabuild::sampler::Output;

// Shorter than a tick of the kernel's clock, which is what the timer is rounded up to.
constexpr long interval_microseconds = 1000;
constexpr int snapshot_limit = 256;

constinit Buffer buffer;
constinit Output output;
pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
int snapshots = 0;
// A child that was forked has neither the timer nor anything to write.
pid_t owner = 0;

std::uint64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t program_counter(const void *context) {
    const auto &machine = static_cast<const ucontext_t *>(context)->uc_mcontext;
#if defined(__x86_64__)
    return static_cast<std::uint64_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return machine.pc;
#else
#error "how does this architecture name the program counter?"
#endif
}

void on_signal(int, siginfo_t *, void *context) {
    const int error = errno;
    buffer.add(now(), program_counter(context));
    errno = error;
}

void set_timer(long microseconds) {
    const timeval interval{0, microseconds};
    const itimerval timer{interval, interval};
    setitimer(ITIMER_PROF, &timer, nullptr);
}

void write_maps() {
    if (snapshots++ >= snapshot_limit) {
        return;
    }
    output.text("maps ");
    output.number(now(), 10);
    output.text("\n");
    output.file("/proc/self/maps");
    output.text("end\n");
}

__attribute__((constructor)) void start() {
    const char *path = std::getenv("LLAMABUILD_SAMPLES");
    if (path == nullptr || !output.open(path)) {
        return;
    }
    unsetenv("LLAMABUILD_SAMPLES"); // programs that this one starts would write the same file
    owner = getpid();
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, nullptr);
    set_timer(interval_microseconds);
}

__attribute__((destructor)) void stop() {
    if (owner == 0 || owner != getpid()) {
        return;
    }
    set_timer(0);
    pthread_mutex_lock(&writing);
    write_maps();
    output.text("samples ");
    output.number(buffer.stored(), 10);
    output.text(" ");
    output.number(buffer.lost(), 10);
    output.text("\n");
    for (const auto &sample : buffer.samples()) {
        output.number(sample.nanoseconds, 10);
        output.text(" ");
        output.number(sample.address, 16);
        output.text("\n");
    }
    output.close();
    owner = 0;
    pthread_mutex_unlock(&writing);
}

} // namespace

// Stands before the C library's own: a preloaded library is searched first.
extern "C" __attribute__((visibility("default"))) int dlclose(void *handle) noexcept {
    // In a forked child nobody may be left to unlock what a thread of its parent held.
    if (owner != 0 && owner == getpid()) {
        pthread_mutex_lock(&writing);
        if (owner != 0) { // stop() may have been faster
            write_maps();
        }
        pthread_mutex_unlock(&writing);
    }
    return reinterpret_cast<int (*)(void *)>(dlsym(RTLD_NEXT, "dlclose"))(handle);
}
