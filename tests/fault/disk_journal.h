/* What a program does to its files, call by call, for a model of a disk that loses power (power_loss_test.cpp).
 * disk_journal.c, preloaded, keeps it from disk_journal_start until disk_journal_stop: calls that succeeded, in order,
 * of all threads. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum disk_verb {
  disk_create,   /* path: a new, empty file */
  disk_mkdir,    /* path */
  disk_write,    /* path, offset, bytes, size */
  disk_resize,   /* path, size */
  disk_sync,     /* path: a file's content, or a folder's entries */
  disk_rename,   /* path, target */
  disk_exchange, /* path, target: each takes the other's name */
  disk_link,     /* path, target: another name of it */
  disk_remove,   /* path: a file's name or an empty folder */
  disk_mark      /* by disk_journal_mark */
};

struct disk_call {
  enum disk_verb verb;
  char *path, *target; /* absolute; target may be NULL */
  char *bytes;
  size_t offset, size;
};

void disk_journal_start(void);
void disk_journal_stop(void);
void disk_journal_mark(void);
size_t disk_journal_length(void);
struct disk_call const *disk_journal_call(size_t number);

#ifdef __cplusplus
}
#endif
