#include "launch/stop_signals.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace bsft {
namespace {

// The exit code of a process that listens and does this.
int child(std::function<int()> const& deed) {
  pid_t const pid = ::fork();
  if (pid == 0) {
    listen_for_stop(Answers::no);
    ::_exit(deed());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(StopSignals, TheFirstIsKept) {
  EXPECT_EQ(child([] { return stop_signal(); }), 0);
  for (int const signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP}) {
    EXPECT_EQ(child([&] {
                ::raise(signal);
                ::raise(SIGUSR1);
                return stop_signal();
              }),
              signal);
  }
}

TEST(StopSignals, TheThirdThatEndsEnds) {
  auto const times = [](int count, int signal) {
    return child([=] {
      for (int i = 0; i < count; ++i) ::raise(signal);
      return 0;
    });
  };
  EXPECT_EQ(times(9, SIGUSR1), 0);
  EXPECT_EQ(times(2, SIGTERM), 0);
  EXPECT_EQ(times(3, SIGTERM), 128 + SIGTERM);
  EXPECT_EQ(times(3, SIGINT), 128 + SIGINT);
}

// What the guardian hands on is the same deed once more; whichever was seen more often counts.
TEST(StopSignals, CopiesAreTheSameDeed) {
  auto const from_both = [](int direct, int copies) {
    return child([=] {
      expect_copies_from(::getpid());
      for (int i = 0; i < copies; ++i) ::kill(::getpid(), SIGTERM);
      pid_t const self = ::getpid(), launcher = ::fork();
      if (launcher == 0) {
        for (int i = 0; i < direct; ++i) {
          ::kill(self, SIGTERM);
          ::usleep(50'000);
        }
        ::_exit(0);
      }
      int status = 0;
      while (::waitpid(launcher, &status, 0) != launcher) {
      }
      return 0;
    });
  };
  EXPECT_EQ(from_both(2, 2), 0);
  EXPECT_EQ(from_both(3, 0), 128 + SIGTERM);
  EXPECT_EQ(from_both(0, 3), 128 + SIGTERM);
}

TEST(StopSignals, IgnoredOnesStayIgnored) {
  for (auto const& [signal, found] : {std::pair(SIGHUP, 0), std::pair(SIGINT, 0), std::pair(SIGTERM, SIGTERM)}) {
    EXPECT_EQ(child([signal = signal] {
                ::signal(signal, SIG_IGN);
                listen_for_stop(Answers::no);
                ::raise(signal);
                return stop_signal();
              }),
              found);
  }
}

TEST(StopSignals, Names) {
  EXPECT_EQ(name_of_signal(SIGUSR1), "SIGUSR1");
  EXPECT_EQ(name_of_signal(0), "a signal");
}

}  // namespace
}  // namespace bsft
