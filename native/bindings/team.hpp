// Threads that are pinned to a CPU each and start together.

#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace lb {

// Spins, so that all threads leave it within nanoseconds of each other; gives way now and then in
// case that another program holds the CPU of one that is still missing.
class SpinBarrier {
public:
    explicit SpinBarrier(int threads) : threads_(threads) {}

    void wait() {
        const int round = round_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return;
        }
        for (unsigned spins = 1; round_.load(std::memory_order_acquire) == round; spins++) {
            if (spins % 16384 == 0)
                std::this_thread::yield();
            else
                pause();
        }
    }

private:
    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    const int threads_;
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<int> round_{0};
};

// Runs body(thread) on each of the CPUs, thread i on cpus[i], and waits for all. No body starts
// before every thread is pinned; throws std::system_error, and runs none, when one can't be.
// A body must not throw.
template <typename Body> void run_pinned(const std::vector<int> &cpus, Body body) {
    enum { waiting, go, stop };
    std::atomic<int> signal{waiting}, pinned{0}, failure{0};
    std::vector<std::thread> threads;
    threads.reserve(cpus.size());
    const auto start = [&](int thread) {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(cpus[thread], &only);
        if (const int error = pthread_setaffinity_np(pthread_self(), sizeof only, &only))
            failure = error;
        pinned++;
        while (signal == waiting)
            std::this_thread::yield();
        if (signal == go)
            body(thread);
    };
    try {
        for (std::size_t i = 0; i < cpus.size(); i++)
            threads.emplace_back(start, static_cast<int>(i));
        while (pinned != static_cast<int>(cpus.size()))
            std::this_thread::yield();
        signal = failure == 0 ? go : stop;
    } catch (const std::system_error &error) {
        failure = error.code().value();
        signal = stop;
    }
    for (std::thread &thread : threads)
        thread.join();
    if (failure != 0)
        throw std::system_error(failure, std::generic_category(), "cannot start a pinned thread");
}

} // namespace lb
