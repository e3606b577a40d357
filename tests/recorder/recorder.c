/* Preloaded into a program, writes down in which order it writes files, syncs them and sends to
 * sockets. Lines of the log, whose place is $MOOT_RECORDER_LOG:
 *
 *   W offset length path    before octets go into a regular file (offset -1: where the file stands)
 *   M path                  before octets that hold $MOOT_RECORDER_MARK go into a regular file
 *   S path                  after a sync of it succeeded
 *   N fd octets-in-hex      before octets go to an internet socket
 *   P fd count              so many of them were taken, when it was not all
 *
 * A write is told before it happens, a sync after it did: the order in the log never flatters.
 * $MOOT_RECORDER_SLOW_MS makes every sync take that much longer, so that who does not wait for it is
 * seen. $MOOT_RECORDER_LATE makes syncs lie: they return at once, and happen when the next send that
 * holds these octets has been told, which is what the test must find. Nothing else ends the lie,
 * neither time nor what the program writes meanwhile. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;
static long slow_ms;
static const char* late;
static const char* mark;

static pthread_mutex_t late_mutex = PTHREAD_MUTEX_INITIALIZER;
static int late_fds[64];
static int late_count;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("MOOT_RECORDER_LOG");
  if (path == NULL) return;
  log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const char* slow = getenv("MOOT_RECORDER_SLOW_MS");
  slow_ms = slow == NULL ? 0 : strtol(slow, NULL, 10);
  late = getenv("MOOT_RECORDER_LATE");
  mark = getenv("MOOT_RECORDER_MARK");
}

/* One call, so that lines of different threads stay whole and in order. */
static void put(const char* line, size_t length) {
  const int keep = errno;
  if (log_fd >= 0 && syscall(SYS_write, log_fd, line, length) != (long)length) _exit(99);
  errno = keep;
}

/* The path of a regular file; empty for anything else. */
static void path_of(int fd, char* out, size_t size) {
  out[0] = '\0';
  struct stat st;
  if (fd == log_fd || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, out, size - 1);
  out[n < 0 ? 0 : n] = '\0';
}

static int is_inet(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

static void told_sync(const char* path) {
  char line[4200];
  const int n = snprintf(line, sizeof line, "S %s\n", path);
  put(line, (size_t)n);
}

static int holds(const void* p, size_t n, const char* octets) {
  return octets != NULL && memmem(p, n, octets, strlen(octets)) != NULL;
}

/* A file whose number does not fit stays a lie for good, as does one that is closed meanwhile. */
static void sync_later(int fd) {
  pthread_mutex_lock(&late_mutex);
  int i = 0;
  while (i < late_count && late_fds[i] != fd) ++i;
  if (i == late_count && i < (int)(sizeof late_fds / sizeof late_fds[0])) {
    late_fds[late_count++] = fd;
  }
  pthread_mutex_unlock(&late_mutex);
}

static void settle_late(void) {
  pthread_mutex_lock(&late_mutex);
  for (int i = 0; i < late_count; ++i) {
    char path[4096];
    path_of(late_fds[i], path, sizeof path);
    if (path[0] != '\0' && syscall(SYS_fdatasync, late_fds[i]) == 0) told_sync(path);
  }
  late_count = 0;
  pthread_mutex_unlock(&late_mutex);
}

static void told_write(int fd, long long offset, size_t length) {
  const int keep = errno;
  char path[4096];
  path_of(fd, path, sizeof path);
  if (path[0] != '\0') {
    char line[4300];
    const int n = snprintf(line, sizeof line, "W %lld %zu %s\n", offset, length, path);
    put(line, (size_t)n);
  }
  errno = keep;
}

static void told_mark(int fd, const void* p, size_t n) {
  if (!holds(p, n, mark)) return;
  const int keep = errno;
  char path[4096];
  path_of(fd, path, sizeof path);
  char line[4200];
  if (path[0] != '\0') put(line, (size_t)snprintf(line, sizeof line, "M %s\n", path));
  errno = keep;
}

static void told_send(int fd, const struct iovec* v, size_t count) {
  const int keep = errno;
  if (log_fd >= 0 && is_inet(fd)) {
    size_t length = 0;
    for (size_t i = 0; i < count; ++i) length += v[i].iov_len;
    char* line = malloc(2 * length + 32);
    if (line == NULL) _exit(99);
    size_t at = (size_t)sprintf(line, "N %d ", fd);
    int ends_the_lie = 0;
    for (size_t i = 0; i < count; ++i) {
      const unsigned char* p = v[i].iov_base;
      ends_the_lie |= holds(p, v[i].iov_len, late);
      for (size_t k = 0; k < v[i].iov_len; ++k) {
        line[at++] = "0123456789abcdef"[p[k] >> 4];
        line[at++] = "0123456789abcdef"[p[k] & 15];
      }
    }
    line[at++] = '\n';
    put(line, at);
    free(line);
    if (ends_the_lie) settle_late();
  }
  errno = keep;
}

static ssize_t told_sent(int fd, ssize_t taken, size_t length) {
  const int keep = errno;
  if (log_fd >= 0 && taken != (ssize_t)length && is_inet(fd)) {
    char line[64];
    const int n = snprintf(line, sizeof line, "P %d %zd\n", fd, taken < 0 ? 0 : taken);
    put(line, (size_t)n);
  }
  errno = keep;
  return taken;
}

static size_t length_of(const struct iovec* v, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += v[i].iov_len;
  return length;
}

/* ---- what goes into files, or to sockets as if they were files --------------------------------- */

ssize_t write(int fd, const void* p, size_t n) {
  REAL(write);
  const struct iovec v = {(void*)p, n};
  told_write(fd, -1, n);
  told_send(fd, &v, 1);
  return told_sent(fd, real(fd, p, n), n);
}
ssize_t writev(int fd, const struct iovec* v, int count) {
  REAL(writev);
  const size_t n = length_of(v, (size_t)count);
  told_write(fd, -1, n);
  told_send(fd, v, (size_t)count);
  return told_sent(fd, real(fd, v, count), n);
}
ssize_t pwrite(int fd, const void* p, size_t n, off_t at) {
  REAL(pwrite);
  told_write(fd, at, n);
  told_mark(fd, p, n);
  return real(fd, p, n, at);
}
ssize_t pwrite64(int fd, const void* p, size_t n, off64_t at) {
  REAL(pwrite64);
  told_write(fd, at, n);
  told_mark(fd, p, n);
  return real(fd, p, n, at);
}
ssize_t pwritev(int fd, const struct iovec* v, int count, off_t at) {
  REAL(pwritev);
  told_write(fd, at, length_of(v, (size_t)count));
  return real(fd, v, count, at);
}

/* ---- what goes to sockets ---------------------------------------------------------------------- */

ssize_t send(int fd, const void* p, size_t n, int flags) {
  REAL(send);
  const struct iovec v = {(void*)p, n};
  told_send(fd, &v, 1);
  return told_sent(fd, real(fd, p, n, flags), n);
}
ssize_t sendto(int fd, const void* p, size_t n, int flags, const struct sockaddr* to,
               socklen_t to_size) {
  REAL(sendto);
  const struct iovec v = {(void*)p, n};
  told_send(fd, &v, 1);
  return told_sent(fd, real(fd, p, n, flags, to, to_size), n);
}
ssize_t sendmsg(int fd, const struct msghdr* m, int flags) {
  REAL(sendmsg);
  told_send(fd, m->msg_iov, m->msg_iovlen);
  return told_sent(fd, real(fd, m, flags), length_of(m->msg_iov, m->msg_iovlen));
}

/* ---- syncs ------------------------------------------------------------------------------------- */

static int sync_with(int fd, int (*real)(int)) {
  char path[4096];
  path_of(fd, path, sizeof path);
  if (path[0] == '\0') return real(fd);
  if (late != NULL) {
    sync_later(fd);
    return 0;
  }
  if (slow_ms > 0) {
    const struct timespec t = {slow_ms / 1000, slow_ms % 1000 * 1000000};
    nanosleep(&t, NULL);
  }
  const int result = real(fd);
  if (result == 0) told_sync(path);
  return result;
}
int fsync(int fd) {
  REAL(fsync);
  return sync_with(fd, real);
}
int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_with(fd, real);
}
