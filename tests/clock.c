// Moves the clock of every process that loads it by the seconds that a file names: times of day and of files, and no
// other. libfaketime moves the monotonic clock too, on which Python's locks then wait for ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ORIGINAL(name) __typeof__(name) *original = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static long shift;

__attribute__((constructor)) static void read_shift(void) {
    char text[32] = {0};
    int file = open("/etc/clock_shift", O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    if (read(file, text, sizeof text - 1) > 0) shift = atol(text);
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

#define MOVED(name, parameters, arguments)         \
    int name parameters {                          \
        ORIGINAL(name);                            \
        int failed = original arguments;           \
        if (!failed) {                             \
            found->st_atim.tv_sec += shift;        \
            found->st_mtim.tv_sec += shift;        \
            found->st_ctim.tv_sec += shift;        \
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
        found->stx_atime.tv_sec += shift;
        found->stx_btime.tv_sec += shift;
        found->stx_ctime.tv_sec += shift;
        found->stx_mtime.tv_sec += shift;
    }
    return failed;
}

static const struct timespec *moved_back(struct timespec moved[2], const struct timespec times[2]) {
    if (!times) return NULL;
    for (int each = 0; each < 2; each++) {
        moved[each] = times[each];
        if (times[each].tv_nsec != UTIME_NOW && times[each].tv_nsec != UTIME_OMIT) moved[each].tv_sec -= shift;
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
