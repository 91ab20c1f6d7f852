// Random allocations by several threads, each filled with a pattern that is verified before it is
// freed, resized, or freed by another thread. `hugealloc_check [threads] [rounds] [seed]` exits
// with 0 if every byte was what it should be. It uses the malloc that it finds; built with
// HUGEALLOC_INSIDE it calls the library's functions by their own names.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#ifdef HUGEALLOC_INSIDE
#include "allocator.hpp"
namespace api = hugealloc;
#else
namespace api {
void *allocate(std::size_t bytes) {
    return std::malloc(bytes);
}
void *allocate_zeroed(std::size_t count, std::size_t bytes) {
    return std::calloc(count, bytes);
}
void *allocate_aligned(std::size_t alignment, std::size_t bytes) {
    void *start = nullptr;
    return posix_memalign(&start, alignment, bytes) == 0 ? start : nullptr;
}
void *reallocate(void *start, std::size_t bytes) {
    return std::realloc(start, bytes);
}
void release(void *start) {
    std::free(start);
}
std::size_t usable_bytes(void *start) {
    return malloc_usable_size(start);
}
} // namespace api
#endif

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t step = 1021; // a prime: no page without a byte that is looked at

[[noreturn]] void fail(const char *what) {
    std::fprintf(stderr, "FAILED: %s\n", what);
    std::_Exit(1);
}

void expect(bool holds, const char *what) {
    if (!holds)
        fail(what);
}

struct Block {
    unsigned char *start = nullptr;
    std::size_t bytes = 0;
    unsigned char seed = 0;

    unsigned char pattern(std::size_t at) const {
        return static_cast<unsigned char>(seed + at / step);
    }
    void fill(std::size_t from = 0) {
        for (std::size_t at = (from + step - 1) / step * step; at < bytes; at += step)
            start[at] = pattern(at);
        if (bytes > 0)
            start[bytes - 1] = seed;
    }
    void verify(std::size_t upto) const {
        for (std::size_t at = 0; at < upto; at += step)
            expect(at == bytes - 1 || start[at] == pattern(at), "a block lost its contents");
        if (upto == bytes && bytes > 0)
            expect(start[bytes - 1] == seed, "a block lost its last byte");
    }
};

// Where threads leave blocks for each other to free.
std::mutex exchange_lock;
std::vector<Block> exchanged;

class Worker {
public:
    explicit Worker(unsigned seed) : random_(seed) {}

    void run(int rounds) {
        for (int round = 0; round < rounds; ++round) {
            Block &block = blocks_[number(blocks_.size())];
            if (!block.start)
                take(block);
            else
                use(block);
        }
        for (Block &block : blocks_)
            drop(block);
    }

private:
    std::size_t number(std::size_t below) {
        return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
    }

    // Small ones, ones around the threshold of 4 MiB and of a granule, and large ones.
    std::size_t size() {
        switch (number(8)) {
        case 0:
            return 4 * mebibyte - 64 + number(128);
        case 1:
            return 2 * mebibyte - 64 + number(128);
        case 2:
            return number(24 * mebibyte) + 1;
        default:
            return number(64 << 10) + 1;
        }
    }

    void take(Block &block) {
        block = {nullptr, size(), static_cast<unsigned char>(number(256))};
        const std::size_t alignment = std::size_t{16} << number(20); // up to 8 MiB
        switch (number(3)) {
        case 0:
            block.start = static_cast<unsigned char *>(api::allocate(block.bytes));
            break;
        case 1:
            block.start = static_cast<unsigned char *>(api::allocate_zeroed(block.bytes, 1));
            expect(block.start, "calloc gave nothing");
            for (std::size_t at = 0; at < block.bytes; at += step)
                expect(block.start[at] == 0, "calloc's memory is not zero");
            break;
        default:
            block.start =
                static_cast<unsigned char *>(api::allocate_aligned(alignment, block.bytes));
            expect(reinterpret_cast<std::uintptr_t>(block.start) % alignment == 0, "misaligned");
        }
        expect(block.start, "malloc gave nothing");
        expect(api::usable_bytes(block.start) >= block.bytes, "less usable than asked for");
        block.fill();
    }

    void use(Block &block) {
        block.verify(block.bytes);
        switch (number(3)) {
        case 0:
            resize(block);
            break;
        case 1: {
            const std::lock_guard lock(exchange_lock);
            exchanged.push_back(std::exchange(block, {}));
            if (exchanged.size() > 8) {
                std::swap(exchanged.front(), exchanged.back());
                block = exchanged.back();
                exchanged.pop_back();
            }
            break;
        }
        default:
            drop(block);
        }
    }

    void resize(Block &block) {
        const std::size_t bytes = size();
        const std::size_t kept = std::min(bytes, block.bytes);
        void *moved = api::reallocate(block.start, bytes);
        expect(moved, "realloc gave nothing");
        block.start = static_cast<unsigned char *>(moved);
        // The last byte of a block is no part of its pattern.
        if (kept < block.bytes)
            block.verify(kept);
        else
            block.verify(block.bytes);
        block.bytes = bytes;
        block.fill();
    }

    void drop(Block &block) {
        if (!block.start)
            return;
        block.verify(block.bytes);
        errno = 77;
        api::release(block.start);
        expect(errno == 77, "free changed errno");
        block = {};
    }

    std::mt19937 random_;
    std::array<Block, 12> blocks_;
};

// What no random round meets.
void edges() {
    volatile std::size_t half = SIZE_MAX / 2 + 1;
    errno = 0;
    expect(!api::allocate_zeroed(half, 2), "calloc overflowed");
    expect(errno == ENOMEM, "calloc said nothing of the overflow");
#ifndef HUGEALLOC_INSIDE
    // A sanitizer's malloc ends the program instead.
    errno = 0;
    expect(!api::allocate(half), "half of the address space");
    expect(errno == ENOMEM, "malloc said nothing");
    volatile std::size_t odd = 24;
    void *unset = &unset;
    expect(posix_memalign(&unset, odd, 8 * mebibyte) == EINVAL && unset == &unset, "odd alignment");
    expect(posix_memalign(&unset, 4096, half) == ENOMEM && unset == &unset, "half, aligned");
    void *kept = std::malloc(8 * mebibyte);
    expect(!api::reallocate(kept, half), "half, grown");
    std::free(kept);
    void *counted = reallocarray(nullptr, 3, 5 * mebibyte);
    expect(counted, "reallocarray");
    std::free(counted);
    void *paged = valloc(5 * mebibyte);
    expect(paged, "valloc");
    std::free(paged);
#endif
    void *large = api::allocate(8 * mebibyte);
    std::memset(large, 1, 8 * mebibyte);
    large = api::reallocate(large, 64 * mebibyte);
    expect(static_cast<char *>(large)[8 * mebibyte - 1] == 1, "grown");
    expect(static_cast<char *>(large)[8 * mebibyte] == 0, "grown into used memory");
    large = api::reallocate(large, 6 * mebibyte);
    expect(static_cast<char *>(large)[6 * mebibyte - 1] == 1, "cut");
    large = api::reallocate(large, 100);
    expect(static_cast<char *>(large)[99] == 1, "cut to a small one");
    api::release(large);
    api::release(nullptr);
}

// A region that has moved once has to be able to move again.
void grow() {
    Block block{nullptr, 5 * mebibyte, 3};
    block.start = static_cast<unsigned char *>(api::allocate(block.bytes));
    block.fill();
    std::vector<void *> between;
    for (int times = 0; times < 3; ++times) {
        between.push_back(api::allocate(block.bytes));
        block.verify(block.bytes);
        const std::size_t before = block.bytes;
        block.start = static_cast<unsigned char *>(api::reallocate(block.start, 3 * block.bytes));
        expect(block.start, "realloc gave nothing to a block that grows");
        block.verify(before - 1);
        expect(block.start[before - 1] == block.seed, "a block lost its last byte as it grew");
        block.bytes *= 3;
        block.fill();
    }
    block.verify(block.bytes);
    api::release(block.start);
    for (void *other : between)
        api::release(other);
}

} // namespace

int main(int count, char **words) {
    const int threads = count > 1 ? std::atoi(words[1]) : 4;
    const int rounds = count > 2 ? std::atoi(words[2]) : 2000;
    const unsigned seed = count > 3 ? static_cast<unsigned>(std::atoi(words[3])) : 1;
    edges();
    grow();
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i)
            running.emplace_back(
                [=] { Worker(seed * 1000 + static_cast<unsigned>(i)).run(rounds); });
    }
    for (const Block &block : exchanged) {
        block.verify(block.bytes);
        api::release(block.start);
    }
    std::printf("ok: %d threads, %d rounds each\n", threads, rounds);
    return 0;
}
