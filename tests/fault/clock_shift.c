// Preloaded into a rank, it sees another time of day: CLOCK_SHIFT seconds later, on odd ranks earlier.
//   CLOCK_SHIFT=315576000 LD_PRELOAD=libclock_shift.so mpirun …          ten years
// Clocks that only measure durations stay as they are.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t shift(void) {
  static time_t by;
  static int known;
  if (!known) {
    char const* const text = getenv("CLOCK_SHIFT");
    char const* rank = getenv("OMPI_COMM_WORLD_RANK");
    if (rank == NULL) rank = getenv("SLURM_PROCID");
    by = text == NULL ? 0 : atoll(text);
    if (rank != NULL && atoi(rank) % 2 == 1) by = -by;
    known = 1;
  }
  return by;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  int const failed = (int)syscall(SYS_clock_gettime, clock, now);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return failed;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  (void)zone;
  struct timespec exact;
  int const failed = clock_gettime(CLOCK_REALTIME, &exact);
  if (failed == 0) {
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
  }
  return failed;
}

time_t time(time_t* to) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (to != NULL) *to = now.tv_sec;
  return now.tv_sec;
}
