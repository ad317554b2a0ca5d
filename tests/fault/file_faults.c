/* Preloaded: makes one of a program's calls that change or open files fail, or kills the process there.
 *
 * file_faults_arm(at, kind) counts calls from 0 and acts on the one numbered `at`; file_faults_count() is how many
 * there have been since.  Kinds, as in save_test.cpp: 1 kill before the call, 2 kill after it, 3 ENOSPC, 4 EIO, 5 half
 * of a write, 6 half of a write and then ENOSPC, 7 ENOSPC from this call on until armed again.  Where a kind does not
 * fit the call (half of a rename), it succeeds.
 * Opening to read counts too; what the C library does inside itself (fopen) does not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "preload.h"

enum { none, kill_before, kill_after, no_space, io_error, half, half_then_full, full_from_here };

static long at = -1, count;
static int kind, armed, full;

void file_faults_arm(long place, int what) {
  at = place;
  kind = what;
  count = 0;
  full = 0;
  armed = 1;
}
void file_faults_disarm(void) { armed = full = 0; }
long file_faults_count(void) { return count; }

/* 0: go on; else errno's value.  *short_write: write the half. */
static int before(int takes_room, int *hit, int *short_write) {
  *hit = *short_write = 0;
  if (!armed) return 0;
  if (full && takes_room) return ENOSPC;
  if (count++ != at) return 0;
  *hit = 1;
  switch (kind) {
    case kill_before:
      raise(SIGKILL);
      break;
    case no_space:
      return ENOSPC;
    case io_error:
      return EIO;
    case half:
      *short_write = 1;
      break;
    case half_then_full:
      *short_write = full = 1;
      break;
    case full_from_here:
      full = 1;
      return takes_room ? ENOSPC : 0;
    default:
      break;
  }
  return 0;
}
static void after(int hit) {
  if (hit && kind == kill_after) raise(SIGKILL);
}

#define CALL(takes_room, type, call)                         \
  do {                                                       \
    int hit, short_write;                                    \
    int const code = before(takes_room, &hit, &short_write); \
    if (code != 0) {                                         \
      errno = code;                                          \
      return -1;                                             \
    }                                                        \
    (void)short_write;                                       \
    type const result = call;                                \
    after(hit);                                              \
    return result;                                           \
  } while (0)

#define OPEN(name)                                            \
  int name(char const *path, int flags, ...) {                \
    READ_MODE;                                                \
    CALL(flags &O_CREAT, int, REAL(name)(path, flags, mode)); \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                  \
  int name(int folder, char const *path, int flags, ...) {            \
    READ_MODE;                                                        \
    CALL(flags &O_CREAT, int, REAL(name)(folder, path, flags, mode)); \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, void const *bytes, size_t size) {
  CALL(1, ssize_t, REAL(write)(file, bytes, short_write && size > 1 ? size / 2 : size));
}
ssize_t pwrite(int file, void const *bytes, size_t size, off_t where) {
  CALL(1, ssize_t, REAL(pwrite)(file, bytes, short_write && size > 1 ? size / 2 : size, where));
}
int fsync(int file) { CALL(0, int, REAL(fsync)(file)); }
int fdatasync(int file) { CALL(0, int, REAL(fdatasync)(file)); }
int rename(char const *from, char const *to) { CALL(0, int, REAL(rename)(from, to)); }
int renameat2(int a, char const *from, int b, char const *to, unsigned flags) {
  CALL(0, int, REAL(renameat2)(a, from, b, to, flags));
}
int link(char const *from, char const *to) { CALL(1, int, REAL(link)(from, to)); }
int unlink(char const *path) { CALL(0, int, REAL(unlink)(path)); }
int unlinkat(int folder, char const *path, int flags) { CALL(0, int, REAL(unlinkat)(folder, path, flags)); }
int remove(char const *path) { CALL(0, int, REAL(remove)(path)); }
int rmdir(char const *path) { CALL(0, int, REAL(rmdir)(path)); }
int mkdir(char const *path, mode_t mode) { CALL(1, int, REAL(mkdir)(path, mode)); }
int ftruncate(int file, off_t size) { CALL(0, int, REAL(ftruncate)(file, size)); }
