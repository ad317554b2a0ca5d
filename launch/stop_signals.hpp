// Signals that ask this process to save and stop.
//
//   USR1, USR2       a flag, however often they come
//   TERM, INT, HUP   the same flag; the third ends the process at once with 128 + its number
// INT and HUP stay ignored where they were (nohup, a shell's background).  A launcher that signals a rank and its
// guardian makes two signals of one deed, because the guardian hands its own on: each kind is counted by whom it came
// from, and the larger count holds.  A process that no launcher started answers on standard error.
// Handlers only set flags, write(2) and _exit(2).  Any thread.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>

namespace bsft {

enum class Answers { no, yes };
// From now on; also for processes forked later.
void listen_for_stop(Answers answers);
// The parent, where it hands on signals that this process may have had, too.
void expect_copies_from(pid_t guardian);

// TERM, INT, HUP.
bool asks_to_end(int signal);
sigset_t signals_that_end();
// All five, and SIGCHLD: what a parent of ranks waits for.
sigset_t signals_of_a_parent();

// The first that came, 0: none.
int stop_signal();
// "SIGUSR1"; "a signal" for 0.
std::string name_of_signal(int signal);

}  // namespace bsft
