#include "room.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace hugealloc {

namespace {

// The beginning of a short file, as a string; empty if it can't be read.
template <std::size_t size> void read_file(const char *path, char (&text)[size]) {
    text[0] = 0;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    const ssize_t got = read(file, text, size - 1);
    close(file);
    text[std::max<ssize_t>(got, 0)] = 0;
}

// The number at the beginning of a text; SIZE_MAX if there is none, as for the limit "max".
std::size_t number(const char *text) {
    char *end = nullptr;
    const unsigned long long value = std::strtoull(text, &end, 10);
    return end == text ? SIZE_MAX : value;
}

std::size_t number_in(const char *folder, const char *group, const char *file) {
    char path[512];
    char text[64];
    if (std::snprintf(path, sizeof path, "%s%s/%s", folder, group, file) >= int{sizeof path})
        return SIZE_MAX;
    read_file(path, text);
    return number(text);
}

std::size_t left(std::size_t limit, std::size_t used) {
    if (limit == SIZE_MAX || used == SIZE_MAX)
        return SIZE_MAX;
    return limit - std::min(limit, used);
}

std::size_t left_of_group() {
    char groups[1024];
    read_file("/proc/self/cgroup", groups);
    std::size_t least = SIZE_MAX;
    char *rest = nullptr;
    for (char *line = strtok_r(groups, "\n", &rest); line; line = strtok_r(nullptr, "\n", &rest)) {
        // Lines are number:controllers:path, without controllers in version 2.
        char *controllers = std::strchr(line, ':');
        char *path = controllers ? std::strchr(controllers + 1, ':') : nullptr;
        if (!path)
            continue;
        *path++ = 0;
        if (!std::strcmp(path, "/"))
            path[0] = 0;
        if (controllers[1] == 0)
            least = std::min(least, left(number_in("/sys/fs/cgroup", path, "memory.max"),
                                         number_in("/sys/fs/cgroup", path, "memory.current")));
        else if (!std::strcmp(controllers + 1, "memory"))
            least = std::min(
                least, left(number_in("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
                            number_in("/sys/fs/cgroup/memory", path, "memory.usage_in_bytes")));
    }
    return least;
}

std::size_t left_of_machine() {
    char table[1024];
    read_file("/proc/meminfo", table);
    const char *line = std::strstr(table, "MemAvailable:");
    const std::size_t kibibytes = line ? number(line + std::strlen("MemAvailable:")) : SIZE_MAX;
    return kibibytes > SIZE_MAX / 1024 ? SIZE_MAX : kibibytes * 1024;
}

} // namespace

std::size_t available_bytes() {
    return std::min(left_of_machine(), left_of_group());
}

} // namespace hugealloc
