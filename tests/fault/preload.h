/* What the libraries for LD_PRELOAD share. */
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>

/* The function that a preloaded one stands before. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* In a function (…, int flags, ...) that opens a file: its `mode`, which is there where a file may be created. */
#define READ_MODE                                                   \
  va_list list;                                                     \
  va_start(list, flags);                                            \
  mode_t const mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0; \
  va_end(list)
