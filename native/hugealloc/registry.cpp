// A table of two levels over all granules of a 48-bit address space, in which nothing is allocated
// but its leaves (each 128 KiB for 32 GiB of addresses), and those for good.

#include "registry.hpp"

#include <atomic>
#include <cstdint>
#include <sys/mman.h>

namespace hugealloc {

namespace {

constexpr unsigned granule_bits = 21;
constexpr unsigned leaf_bits = 14;
constexpr unsigned root_bits = 48 - granule_bits - leaf_bits;
static_assert(granule == std::size_t{1} << granule_bits);

using Entry = std::atomic<std::size_t>;
static_assert(Entry::is_always_lock_free);

constinit std::atomic<Entry *> root[std::size_t{1} << root_bits] = {};

struct Place {
    std::size_t root;
    std::size_t leaf;
};

// Whether a region of ours can begin here at all, and where it would be in the table. User
// addresses beyond 48 bits are given only to those who ask for them.
bool place(const void *start, Place &found) {
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const std::uintptr_t number = address >> granule_bits;
    if (address % granule != 0 || number >> (root_bits + leaf_bits) != 0)
        return false;
    found = {number >> leaf_bits, number & ((std::size_t{1} << leaf_bits) - 1)};
    return true;
}

Entry *leaf_or_new(std::atomic<Entry *> &slot) {
    Entry *leaf = slot.load(std::memory_order_acquire);
    if (leaf)
        return leaf;
    constexpr std::size_t bytes = sizeof(Entry) << leaf_bits;
    // Zero bytes are entries of value 0.
    void *fresh = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return nullptr;
    if (slot.compare_exchange_strong(leaf, static_cast<Entry *>(fresh), std::memory_order_acq_rel))
        return static_cast<Entry *>(fresh);
    munmap(fresh, bytes);
    return leaf;
}

} // namespace

std::size_t registered(const void *start) {
    Place at;
    if (!place(start, at))
        return 0;
    const Entry *leaf = root[at.root].load(std::memory_order_acquire);
    return leaf ? leaf[at.leaf].load(std::memory_order_acquire) : 0;
}

bool enter(void *start, std::size_t bytes) {
    Place at;
    if (!place(start, at))
        return false;
    Entry *leaf = leaf_or_new(root[at.root]);
    if (leaf)
        leaf[at.leaf].store(bytes, std::memory_order_release);
    return leaf != nullptr;
}

std::size_t remove(void *start) {
    Place at;
    if (!place(start, at))
        return 0;
    Entry *leaf = root[at.root].load(std::memory_order_acquire);
    return leaf ? leaf[at.leaf].exchange(0, std::memory_order_acq_rel) : 0;
}

} // namespace hugealloc
