#include "allocator.hpp"

#include "counters.hpp"
#include "libc.hpp"
#include "region.hpp"
#include "registry.hpp"
#include "settings.hpp"
#include "touch.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace hugealloc {

namespace {

bool is_large(std::size_t bytes) {
    // Nothing below a granule is ever large: most calls end here.
    return bytes >= granule && bytes >= settings().min_bytes;
}

// A region of at least so many bytes, or null; errno is the caller's business.
void *take(std::size_t bytes, std::size_t alignment) {
    const std::size_t whole = whole_granules(bytes);
    if (whole == 0)
        return nullptr;
    void *start = map_region(whole, std::max(alignment, granule));
    if (!start)
        return nullptr;
    if (!enter(start, whole)) {
        unmap_region(start, whole);
        return nullptr;
    }
    counters.regions.fetch_add(1, std::memory_order_relaxed);
    counters.asked.fetch_add(bytes, std::memory_order_relaxed);
    count_mapped(whole);
    return start;
}

// Takes a region out of the table first: from unmapping on, the address may be another thread's.
bool give_back(void *start) {
    const std::size_t bytes = remove(start);
    if (bytes == 0)
        return false;
    const int before = errno;
    unmap_region(start, bytes);
    errno = before;
    count_unmapped(bytes);
    return true;
}

void shorten(void *start, std::size_t present, std::size_t whole) {
    if (whole == present)
        return;
    enter(start, whole);
    unmap_region(static_cast<char *>(start) + whole, present - whole);
    count_unmapped(present - whole);
}

// The same bytes in a longer region. What is new is not touched: who grows step by step fills it.
void *lengthen(void *start, std::size_t present, std::size_t bytes) {
    const std::size_t whole = whole_granules(bytes);
    if (whole == 0)
        return nullptr;
    if (extend_region(start, present, whole)) {
        enter(start, whole);
        counters.asked.fetch_add(whole - present, std::memory_order_relaxed);
        count_mapped(whole - present);
        return start;
    }
    void *moved = take(bytes, granule);
    if (!moved)
        return nullptr;
    // Copied: pages that mremap moved would stay a mapping of their own beside the rest of the new
    // region, and before Linux 6.17 mremap refuses what spans two.
    std::memcpy(moved, start, present);
    remove(start);
    unmap_region(start, present);
    count_unmapped(present);
    return moved;
}

// From libc to a region or back; the old one stays if there is no new one.
void *copy_over(void *start, std::size_t present, std::size_t bytes) {
    void *fresh = is_large(bytes) ? take(bytes, granule) : nullptr;
    if (!fresh)
        fresh = libc::allocate(bytes);
    if (!fresh)
        return nullptr;
    std::memcpy(fresh, start, std::min(present, bytes));
    release(start);
    return fresh;
}

} // namespace

void *allocate(std::size_t bytes) {
    void *start = is_large(bytes) ? take(bytes, granule) : nullptr;
    // Where the kernel gives us none, libc may still have some.
    return start ? start : libc::allocate(bytes);
}

void *allocate_zeroed(std::size_t count, std::size_t bytes) {
    std::size_t all = 0;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return nullptr;
    }
    // Zero as it comes, and not touched: large tables that stay empty are allocated like this.
    void *start = is_large(all) ? take(all, granule) : nullptr;
    return start ? start : libc::allocate_zeroed(count, bytes);
}

void *allocate_aligned(std::size_t alignment, std::size_t bytes) {
    const bool ours = is_large(bytes) && std::has_single_bit(alignment);
    void *start = ours ? take(bytes, alignment) : nullptr;
    if (!start)
        return libc::allocate_aligned(alignment, bytes);
    // Who asks for an alignment means to use the memory: ggml's buffers for weights, KV cache and
    // intermediate results come this way. Plain malloc is often a maximum of which little is used:
    // sort takes half of the machine's memory, whatever it sorts.
    touch(start, whole_granules(bytes));
    return start;
}

void *reallocate(void *start, std::size_t bytes) {
    if (!start)
        return allocate(bytes);
    const std::size_t present = registered(start);
    if (present == 0)
        return is_large(bytes) ? copy_over(start, libc::usable_bytes(start), bytes)
                               : libc::reallocate(start, bytes);
    if (bytes == 0) {
        release(start);
        return nullptr;
    }
    if (bytes > present) {
        void *longer = lengthen(start, present, bytes);
        return longer ? longer : copy_over(start, present, bytes);
    }
    if (!is_large(bytes))
        return copy_over(start, present, bytes);
    shorten(start, present, whole_granules(bytes));
    return start;
}

void release(void *start) {
    if (!give_back(start))
        libc::release(start);
}

std::size_t usable_bytes(void *start) {
    const std::size_t bytes = registered(start);
    return bytes ? bytes : libc::usable_bytes(start);
}

} // namespace hugealloc
