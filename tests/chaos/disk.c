/* Preloaded, a disk that fills up and that fails to sync, for the files below $MOOT_DISK_DIR and no
 * other. What it does stands in the file $MOOT_DISK_CONTROL, which whoever plays the disk maps and
 * writes while the program runs: five numbers of 64 bits, in the machine's order,
 *
 *   full       1: writes find room for `room` octets more, all of them together, then ENOSPC
 *   room       what is left of it; a write across the end is cut short there, as a disk does
 *   syncs      so many of the next fsync and fdatasync fail with EIO
 *   refused    how many writes were refused or cut short
 *   unsynced   how many syncs failed
 *
 * A failed sync has synced nothing, and the next one succeeds as if nothing had been lost: so does
 * Linux. Room is asked for by every write, also into the middle of a file: there are filesystems
 * that copy what they overwrite. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
  uint64_t full;
  uint64_t room;
  uint64_t syncs;
  uint64_t refused;
  uint64_t unsynced;
};

static struct control* control;
static const char* below;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("MOOT_DISK_CONTROL");
  below = getenv("MOOT_DISK_DIR");
  if (path == NULL || below == NULL) return;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) _exit(99);
  void* mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) _exit(99);
  control = mapped;
}

static uint64_t get(const uint64_t* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }

/* Whether the file is one of this disk's. Asked only while something is to fail. */
static int is_ours(int fd) {
  const int keep = errno;
  char link[64];
  char path[4096];
  struct stat st;
  int ours = 0;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    const size_t length = strlen(below);
    ours = strncmp(path, below, length) == 0 && path[length] == '/';
  }
  errno = keep;
  return ours;
}

/* How many of these octets find room; -1 with ENOSPC when none does. */
static ssize_t fits(int fd, size_t n) {
  if (control == NULL || n == 0 || get(&control->full) == 0 || !is_ours(fd)) return (ssize_t)n;
  uint64_t room = get(&control->room);
  uint64_t taken;
  do {
    taken = room < n ? room : n;
  } while (!__atomic_compare_exchange_n(&control->room, &room, room - taken, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
  if (taken < n) __atomic_add_fetch(&control->refused, 1, __ATOMIC_SEQ_CST);
  if (taken == 0) {
    errno = ENOSPC;
    return -1;
  }
  return (ssize_t)taken;
}

static int sync_fails(int fd) {
  if (control == NULL || get(&control->syncs) == 0 || !is_ours(fd)) return 0;
  uint64_t left = get(&control->syncs);
  do {
    if (left == 0) return 0;
  } while (!__atomic_compare_exchange_n(&control->syncs, &left, left - 1, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
  __atomic_add_fetch(&control->unsynced, 1, __ATOMIC_SEQ_CST);
  errno = EIO;
  return 1;
}

ssize_t write(int fd, const void* p, size_t n) {
  REAL(write);
  const ssize_t room = fits(fd, n);
  return room < 0 ? -1 : real(fd, p, (size_t)room);
}
ssize_t pwrite(int fd, const void* p, size_t n, off_t at) {
  REAL(pwrite);
  const ssize_t room = fits(fd, n);
  return room < 0 ? -1 : real(fd, p, (size_t)room, at);
}
ssize_t pwrite64(int fd, const void* p, size_t n, off64_t at) {
  REAL(pwrite64);
  const ssize_t room = fits(fd, n);
  return room < 0 ? -1 : real(fd, p, (size_t)room, at);
}
/* All or nothing of what comes in pieces. */
static int fit_all(int fd, const struct iovec* v, int count) {
  size_t n = 0;
  for (int i = 0; i < count; ++i) n += v[i].iov_len;
  if (fits(fd, n) == (ssize_t)n) return 1;
  errno = ENOSPC;
  return 0;
}
ssize_t writev(int fd, const struct iovec* v, int count) {
  REAL(writev);
  return fit_all(fd, v, count) ? real(fd, v, count) : -1;
}
ssize_t pwritev(int fd, const struct iovec* v, int count, off_t at) {
  REAL(pwritev);
  return fit_all(fd, v, count) ? real(fd, v, count, at) : -1;
}

int fsync(int fd) {
  REAL(fsync);
  return sync_fails(fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_fails(fd) ? -1 : real(fd);
}
