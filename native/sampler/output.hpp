// Text into a file by system calls alone: the program under the profiler keeps its allocator and
// its streams to itself.

#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace llamabuild::sampler {

class Output {
public:
    bool open(const char *path) {
        file_ = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        return file_ >= 0;
    }

    void text(std::string_view words) {
        while (!words.empty()) {
            if (used_ == kept_.size()) {
                flush();
            }
            const std::size_t taken = std::min(words.size(), kept_.size() - used_);
            std::memcpy(kept_.data() + used_, words.data(), taken);
            used_ += taken;
            words.remove_prefix(taken);
        }
    }

    void number(std::uint64_t value, int base) {
        std::array<char, 24> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base);
        text({digits.data(), static_cast<std::size_t>(end.ptr - digits.data())});
    }

    // Appends a file as it is.
    void file(const char *path) {
        const int source = ::open(path, O_RDONLY | O_CLOEXEC);
        if (source < 0) {
            return;
        }
        std::array<char, 4096> part{};
        for (ssize_t size = 0; (size = ::read(source, part.data(), part.size())) != 0;) {
            if (size > 0) {
                text({part.data(), static_cast<std::size_t>(size)});
            } else if (errno != EINTR) {
                break;
            }
        }
        ::close(source);
    }

    void close() {
        flush();
        ::close(file_);
        file_ = -1;
    }

private:
    void flush() {
        std::string_view rest(kept_.data(), used_);
        while (!rest.empty()) {
            const ssize_t written = ::write(file_, rest.data(), rest.size());
            if (written > 0) {
                rest.remove_prefix(static_cast<std::size_t>(written));
            } else if (errno != EINTR) {
                break; // a full disk: the reader sees that the end is missing
            }
        }
        used_ = 0;
    }

    std::array<char, 1 << 16> kept_{};
    std::size_t used_ = 0;
    int file_ = -1;
};

} // namespace llamabuild::sampler
