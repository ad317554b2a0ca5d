#include "launch/guardian.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "data/base/error.hpp"
#include "launch/evaluator_stand_in.hpp"
#include "launch/failure.hpp"
#include "launch/stop_signals.hpp"
#include "launch/world.hpp"

namespace bsft {
namespace {

// Whether the launcher's own signal, which the child may have had first, comes within a moment.
bool asked_a_moment_later() {
  sigset_t const ends = signals_that_end();
  timespec const moment{0, 200'000'000};
  return ::sigtimedwait(&ends, nullptr, &moment) > 0;
}

std::string line_of(FlightRecorder const& recorder, int signal) {
  Snapshot const last = recorder.snapshot();
  return one_line(who(last) + " was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")",
                  (signal == SIGKILL ? "often: out of memory; " : "") + doing(last), "start again with --resume auto");
}

// The third signal: nobody else can say it.
void say_unsaved(FlightRecorder const& recorder, int code) {
  Snapshot const last = recorder.snapshot();
  std::filesystem::path const folder = recorder.folder();
  if (!first_to_fail(folder)) return;
  std::string const line = one_line(who(last) + " ended at once, without a save", "the third signal asked for it",
                                    "start again with --resume auto");
  note_failure(folder, static_cast<Exit>(code), last.step, recorder.total_steps(), line);
  tell({line});
}

std::string line_of_evaluator(FlightRecorder const& recorder, std::string const& what) {
  return one_line(who(recorder.snapshot()) + " " + what, "training goes on without it",
                  "another process scores in its place");
}

int wait_for(pid_t child, sigset_t const& signals, FlightRecorder const& recorder) {
  bool asked = false;
  std::string stopped;  // why this process ended its child
  EvaluatorWatch watch(recorder);
  for (;;) {
    timespec const second{1, 0};
    int const signal = ::sigtimedwait(&signals, nullptr, &second);
    if (signal < 0 && errno == EAGAIN && stopped.empty() && watch.is_stopped()) {
      stopped = "has not moved for " + std::to_string(watch.limit()) + " s and was ended";
      ::kill(child, SIGKILL);
    }
    if (signal > 0 && signal != SIGCHLD) {
      asked = asked || asks_to_end(signal);
      ::kill(child, signal);
      continue;
    }
    int status = 0;
    pid_t const ended = ::waitpid(child, &status, WNOHANG);
    if (ended < 0 && errno != EINTR) throw Failed(Exit::internal, "cannot wait for a rank", std::strerror(errno));
    if (ended != child) continue;
    if (WIFEXITED(status)) {
      if (WEXITSTATUS(status) > 128) say_unsaved(recorder, WEXITSTATUS(status));
      return WEXITSTATUS(status);
    }
    if (asked || asked_a_moment_later()) return 128 + WTERMSIG(status);
    if (serves(recorder)) {
      std::string const killed =
          "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
      return stand_in(recorder, signals, line_of_evaluator(recorder, stopped.empty() ? killed : stopped));
    }
    tell_of_lost(recorder, line_of(recorder, WTERMSIG(status)));
    return static_cast<int>(Exit::peer_lost);
  }
}

}  // namespace

std::optional<int> guard(FlightRecorder& recorder) {
  Environment const environment = this_environment();
  if (!expected_world(environment)) return std::nullopt;
  sigset_t const signals = signals_of_a_parent();
  sigset_t before;
  ::signal(SIGCHLD, SIG_DFL);
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  pid_t const parent = ::getpid(), child = ::fork();
  if (child < 0) throw Failed(Exit::unavailable, "cannot start a process for this rank", std::strerror(errno));
  if (child > 0) return wait_for(child, signals, recorder);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) std::_Exit(static_cast<int>(Exit::peer_lost));
  expect_copies_from(parent);
  recorder.is(rank_of(environment), Role::unknown);
  return std::nullopt;
}

}  // namespace bsft
