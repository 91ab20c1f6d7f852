// Memory of one thread, from the kernel and back to it.

#pragma once

#include <cstddef>

namespace lb {

enum class Pages { small, huge, file };

// Mapped memory, aligned to huge pages. Nothing of it is in memory before it is touched.
class Region {
public:
    // Throws std::bad_alloc without memory, std::system_error if the kernel refuses otherwise.
    // `file` is an open file, whose `bytes` from `offset` on are mapped to be read; with
    // Pages::file only. node < 0: where it is touched first.
    Region(std::size_t bytes, Pages pages, int file, std::size_t offset, int node);
    Region(Region &&other) noexcept;
    Region &operator=(Region &&) = delete;
    ~Region();

    char *start() const {
        return start_;
    }
    std::size_t bytes() const {
        return bytes_;
    }
    // The kernel knows no huge pages, or took no order for the node.
    bool refused() const {
        return refused_;
    }

private:
    void *mapped_;
    std::size_t mapped_bytes_;
    char *start_;
    std::size_t bytes_;
    bool refused_ = false;
};

} // namespace lb
