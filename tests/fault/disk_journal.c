/* See disk_journal.h. */
#define _GNU_SOURCE
#include "disk_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload.h"

static struct disk_call *calls;
static size_t length, room;
static int on;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void disk_journal_start(void) { on = 1; }
void disk_journal_stop(void) { on = 0; }
size_t disk_journal_length(void) { return length; }
struct disk_call const *disk_journal_call(size_t number) {
  return &calls[number];
}

/* Of a path relative to a folder's descriptor, or to the working folder; links in it are left as they are. */
static char *absolute(int folder, char const *path) {
  char base[PATH_MAX], whole[2 * PATH_MAX];
  if (path[0] == '/') return strdup(path);
  if (folder == AT_FDCWD) {
    if (getcwd(base, sizeof base) == NULL) return strdup(path);
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t const size = readlink(link, base, sizeof base - 1);
    base[size < 0 ? 0 : size] = 0;
  }
  snprintf(whole, sizeof whole, path[0] ? "%s/%s" : "%s", base, path);
  return strdup(whole);
}

static void note(enum disk_verb verb, char *path, char *target, void const *bytes, size_t offset, size_t size) {
  if (length == room) calls = realloc(calls, (room = room ? 2 * room : 1024) * sizeof *calls);
  char *copy = NULL;
  if (bytes != NULL) memcpy(copy = malloc(size), bytes, size);
  calls[length++] = (struct disk_call){verb, path, target, copy, offset, size};
}
void disk_journal_mark(void) {
  pthread_mutex_lock(&lock);
  note(disk_mark, NULL, NULL, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
}

/* The call and its line of the journal are one, so that the journal's order is the order of what happened. */
#define CALL(type, call, noted)  \
  do {                           \
    if (!on) return call;        \
    pthread_mutex_lock(&lock);   \
    type const result = call;    \
    int const code = errno;      \
    if (result >= 0) noted;      \
    pthread_mutex_unlock(&lock); \
    errno = code;                \
    return result;               \
  } while (0)

static int opened(int (*real)(int, char const *, int, ...), int folder, char const *path, int flags, mode_t mode) {
  if (!on || !(flags & (O_CREAT | O_TRUNC))) return real(folder, path, flags, mode);
  pthread_mutex_lock(&lock);
  int const is_new = faccessat(folder, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  int const file = real(folder, path, flags, mode);
  int const code = errno;
  if (file >= 0 && is_new) note(disk_create, absolute(folder, path), NULL, NULL, 0, 0);
  if (file >= 0 && !is_new && (flags & O_TRUNC)) note(disk_resize, absolute(folder, path), NULL, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  errno = code;
  return file;
}
#define OPEN(name, real)                                    \
  int name(char const *path, int flags, ...) {              \
    READ_MODE;                                              \
    return opened(REAL(real), AT_FDCWD, path, flags, mode); \
  }
OPEN(open, openat)
OPEN(open64, openat64)
#define OPENAT(name)                                       \
  int name(int folder, char const *path, int flags, ...) { \
    READ_MODE;                                             \
    return opened(REAL(name), folder, path, flags, mode);  \
  }
OPENAT(openat)
OPENAT(openat64)

static size_t next_offset(int file) {
  struct stat info;
  if ((fcntl(file, F_GETFL) & O_APPEND) && fstat(file, &info) == 0) return (size_t)info.st_size;
  off_t const at = lseek(file, 0, SEEK_CUR);
  return at < 0 ? 0 : (size_t)at;
}
static int is_file(int file) {
  struct stat info;
  return fstat(file, &info) == 0 && S_ISREG(info.st_mode);
}
ssize_t write(int file, void const *bytes, size_t size) {
  if (!on || !is_file(file)) return REAL(write)(file, bytes, size);
  pthread_mutex_lock(&lock);
  size_t const at = next_offset(file);
  ssize_t const done = REAL(write)(file, bytes, size);
  int const code = errno;
  if (done > 0) note(disk_write, absolute(file, ""), NULL, bytes, at, (size_t)done);
  pthread_mutex_unlock(&lock);
  errno = code;
  return done;
}
ssize_t pwrite(int file, void const *bytes, size_t size, off_t where) {
  CALL(ssize_t, REAL(pwrite)(file, bytes, size, where),
       note(disk_write, absolute(file, ""), NULL, bytes, (size_t)where, (size_t)result));
}
int ftruncate(int file, off_t size) {
  CALL(int, REAL(ftruncate)(file, size), note(disk_resize, absolute(file, ""), NULL, NULL, 0, (size_t)size));
}
int fsync(int file) { CALL(int, REAL(fsync)(file), note(disk_sync, absolute(file, ""), NULL, NULL, 0, 0)); }
int fdatasync(int file) { CALL(int, REAL(fdatasync)(file), note(disk_sync, absolute(file, ""), NULL, NULL, 0, 0)); }
int rename(char const *from, char const *to) {
  CALL(int, REAL(rename)(from, to), note(disk_rename, absolute(AT_FDCWD, from), absolute(AT_FDCWD, to), NULL, 0, 0));
}
int renameat2(int a, char const *from, int b, char const *to, unsigned flags) {
  CALL(int, REAL(renameat2)(a, from, b, to, flags),
       note(flags & RENAME_EXCHANGE ? disk_exchange : disk_rename, absolute(a, from), absolute(b, to), NULL, 0, 0));
}
int link(char const *from, char const *to) {
  CALL(int, REAL(link)(from, to), note(disk_link, absolute(AT_FDCWD, from), absolute(AT_FDCWD, to), NULL, 0, 0));
}
int unlink(char const *path) {
  CALL(int, REAL(unlink)(path), note(disk_remove, absolute(AT_FDCWD, path), NULL, NULL, 0, 0));
}
int unlinkat(int folder, char const *path, int flags) {
  CALL(int, REAL(unlinkat)(folder, path, flags), note(disk_remove, absolute(folder, path), NULL, NULL, 0, 0));
}
int remove(char const *path) {
  CALL(int, REAL(remove)(path), note(disk_remove, absolute(AT_FDCWD, path), NULL, NULL, 0, 0));
}
int rmdir(char const *path) {
  CALL(int, REAL(rmdir)(path), note(disk_remove, absolute(AT_FDCWD, path), NULL, NULL, 0, 0));
}
int mkdir(char const *path, mode_t mode) {
  CALL(int, REAL(mkdir)(path, mode), note(disk_mkdir, absolute(AT_FDCWD, path), NULL, NULL, 0, 0));
}
