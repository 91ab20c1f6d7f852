#include "placement/pinned.hpp"

#include <cerrno>
#include <ctime>
#include <memory>
#include <sched.h>
#include <sys/resource.h>
#include <thread>

namespace lb {

namespace {

bool pin(int cpu) {
    const auto free = [](cpu_set_t *set) { CPU_FREE(set); };
    const std::unique_ptr<cpu_set_t, decltype(free)> set(CPU_ALLOC(cpu + 1), free);
    const std::size_t size = CPU_ALLOC_SIZE(cpu + 1);
    CPU_ZERO_S(size, set.get());
    CPU_SET_S(cpu, size, set.get());
    return sched_setaffinity(0, size, set.get()) == 0;
}

} // namespace

void Barrier::wait() {
    constexpr int patience = 10'000;
    const unsigned round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
        arrived_.store(0, std::memory_order_relaxed);
        round_.store(round + 1, std::memory_order_release);
        return;
    }
    // Someone who is long in coming may need this CPU.
    for (int turn = 0; round_.load(std::memory_order_acquire) == round; ++turn)
        if (turn > patience)
            std::this_thread::yield();
}

bool run_pinned(const std::vector<int> &cpus, const std::function<void(std::size_t)> &body) {
    enum { closed, open, cancelled };
    std::atomic<int> gate{closed};
    std::atomic<bool> all_pinned{true};
    std::vector<std::jthread> threads;
    threads.reserve(cpus.size());
    try {
        for (std::size_t i = 0; i < cpus.size(); ++i)
            threads.emplace_back([&, i] {
                if (!pin(cpus[i]))
                    all_pinned = false;
                gate.wait(closed);
                if (gate == open)
                    body(i);
            });
    } catch (...) {
        // A body that waits for threads that don't exist would wait for ever.
        gate = cancelled;
        gate.notify_all();
        throw;
    }
    gate = open;
    gate.notify_all();
    threads.clear(); // joins
    return all_pinned;
}

long involuntary_switches() {
    rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

double now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

} // namespace lb
