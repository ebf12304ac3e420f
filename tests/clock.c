// Moves the clock of every process that loads it by the seconds that a file names: times of day, and those of files that
// are written from the second on that the file names too. Older ones keep theirs, for byte code has the time of its
// source. libfaketime moves the monotonic clock too, on which Python's locks then wait for ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ORIGINAL(name) __typeof__(name) *original = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static long shift, since;

__attribute__((constructor)) static void read_shift(void) {
    char text[64] = {0}, *rest;
    int file = open("/etc/clock_shift", O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    if (read(file, text, sizeof text - 1) > 0) {
        shift = strtol(text, &rest, 10);
        since = strtol(rest, NULL, 10);
    }
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    ORIGINAL(clock_gettime);
    int failed = original(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME_COARSE, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}

#define MOVE(time) \
    if ((time).tv_sec >= since) (time).tv_sec += shift

#define MOVED(name, parameters, arguments)         \
    int name parameters {                          \
        ORIGINAL(name);                            \
        int failed = original arguments;           \
        if (!failed) {                             \
            MOVE(found->st_atim);                  \
            MOVE(found->st_mtim);                  \
            MOVE(found->st_ctim);                  \
        }                                          \
        return failed;                             \
    }

MOVED(stat, (const char *restrict path, struct stat *restrict found), (path, found))
MOVED(lstat, (const char *restrict path, struct stat *restrict found), (path, found))
MOVED(fstat, (int file, struct stat *found), (file, found))
MOVED(fstatat, (int folder, const char *restrict path, struct stat *restrict found, int flags), (folder, path, found, flags))
MOVED(stat64, (const char *restrict path, struct stat64 *restrict found), (path, found))
MOVED(lstat64, (const char *restrict path, struct stat64 *restrict found), (path, found))
MOVED(fstat64, (int file, struct stat64 *found), (file, found))
MOVED(fstatat64, (int folder, const char *restrict path, struct stat64 *restrict found, int flags), (folder, path, found, flags))

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
    ORIGINAL(statx);
    int failed = original(folder, path, flags, mask, found);
    if (!failed) {
        MOVE(found->stx_atime);
        MOVE(found->stx_btime);
        MOVE(found->stx_ctime);
        MOVE(found->stx_mtime);
    }
    return failed;
}

static const struct timespec *moved_back(struct timespec moved[2], const struct timespec times[2]) {
    if (!times) return NULL;
    for (int each = 0; each < 2; each++) {
        moved[each] = times[each];
        if (times[each].tv_nsec == UTIME_NOW || times[each].tv_nsec == UTIME_OMIT) continue;
        if (times[each].tv_sec - shift >= since) moved[each].tv_sec -= shift;
    }
    return moved;
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    ORIGINAL(utimensat);
    struct timespec moved[2];
    return original(folder, path, moved_back(moved, times), flags);
}

int futimens(int file, const struct timespec times[2]) {
    ORIGINAL(futimens);
    struct timespec moved[2];
    return original(file, moved_back(moved, times));
}
