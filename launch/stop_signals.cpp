#include "launch/stop_signals.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

namespace bsft {
namespace {

constexpr int last_deed = 3;

std::atomic<int> first_signal{0}, direct{0}, handed_on{0}, answered{0};
std::atomic<pid_t> copies_from{0};
std::atomic<bool> answers_here{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

constexpr std::initializer_list<int> flags{SIGUSR1, SIGUSR2}, ends{SIGTERM, SIGINT, SIGHUP};

sigset_t set_of(std::initializer_list<std::initializer_list<int>> lists) {
  sigset_t set;
  ::sigemptyset(&set);
  for (auto const& list : lists)
    for (int const signal : list) ::sigaddset(&set, signal);
  return set;
}

void answer(std::string_view text) {
  if (answers_here && ::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

void on_signal(int signal, siginfo_t* info, void*) {
  int const error = errno;
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
  if (asks_to_end(signal)) {
    bool const copy = info->si_code <= 0 && info->si_pid == copies_from;
    int const count = (copy ? handed_on : direct).fetch_add(1) + 1;
    int before = answered;
    while (before < count && !answered.compare_exchange_weak(before, count)) {
    }
    if (before < count && count == 1)
      answer("\nbsft: asked to stop: after this step comes a save, then the end; two more end it now, unsaved\n");
    if (before < count && count == 2) answer("\nbsft: the save is still to come; once more ends now, without it\n");
    if (count >= last_deed) {
      answer("\nbsft: ended at once, without a save\n");
      ::_exit(128 + signal);
    }
  }
  errno = error;
}

}  // namespace

void listen_for_stop(Answers answers) {
  answers_here = answers == Answers::yes;
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  action.sa_mask = set_of({flags, ends});
  for (auto const& list : {flags, ends}) {
    for (int const signal : list) {
      struct sigaction before {};
      ::sigaction(signal, nullptr, &before);
      bool const left_alone = (signal == SIGINT || signal == SIGHUP) && before.sa_handler == SIG_IGN;
      if (!left_alone) ::sigaction(signal, &action, nullptr);
    }
  }
}

void expect_copies_from(pid_t guardian) { copies_from = guardian; }

bool asks_to_end(int signal) { return std::find(ends.begin(), ends.end(), signal) != ends.end(); }
sigset_t signals_that_end() { return set_of({ends}); }
sigset_t signals_of_a_parent() { return set_of({flags, ends, {SIGCHLD}}); }

int stop_signal() { return first_signal; }

std::string name_of_signal(int signal) {
  char const* const name = ::sigabbrev_np(signal);
  return name == nullptr ? "a signal" : std::string("SIG") + name;
}

}  // namespace bsft
