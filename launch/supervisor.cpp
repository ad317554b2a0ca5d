#include "launch/supervisor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <tuple>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "launch/commands/commands.hpp"
#include "launch/failure.hpp"
#include "launch/restart_policy.hpp"
#include "launch/run.hpp"
#include "launch/stop_signals.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/run_directory.hpp"
#include "trainer/report/run_events.hpp"
#include "trainer/report/run_status.hpp"

extern char** environ;

namespace bsft {
namespace {

namespace fs = std::filesystem;

// The place of "train", the command, among the words.
std::size_t place_of_train(std::vector<std::string> const& words) {
  std::size_t first = 0;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] != "train") continue;
    if (fs::path(words[i - 1]).filename().string().rfind("bsft", 0) == 0) return i;
    if (first == 0) first = i;
  }
  if (first > 0) return first;
  throw Invalid(Exit::usage, "bsft launch", "there is no 'bsft train' among its words",
                "write bsft launch -- mpirun -np 3 bsft train --config C.yaml");
}

TrainRequest request_of(std::vector<std::string> const& words, std::size_t train) {
  std::vector<std::string> const mine(words.begin() + static_cast<std::ptrdiff_t>(train) + 1, words.end());
  return train_request(parse(train_command(), mine));
}

std::vector<std::string> resuming(std::vector<std::string> const& words, std::size_t train) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > train && words[i] == "--resume")
      ++i;
    else if (i <= train || words[i].rfind("--resume=", 0) != 0)
      result.push_back(words[i]);
  }
  result.insert(result.end(), {"--resume", "auto"});
  return result;
}

pid_t start(std::vector<std::string> words) {
  std::vector<char*> const argv = pointers(words);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  // The terminal's keys are for the supervisor; who is not in its group must not read it either.
  if (::isatty(STDIN_FILENO) != 0) ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  sigset_t none, all = signals_of_a_parent();
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  int const failed = ::posix_spawnp(&child, argv[0], &files, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) throw Failed(Exit::unavailable, "cannot start " + words[0], std::strerror(failed));
  return child;
}

// Changes with every write.
using Mark = std::tuple<ino_t, std::int64_t, std::int64_t>;
Mark mark_of(fs::path const& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) return {};
  return {facts.st_ino, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

// Ranks may outlive their launcher for a moment.
void wait_until_free(fs::path const& folder) {
  for (int i = 0; i < 200 && is_in_use(folder); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

void say(std::string const& line) {
  std::fprintf(stderr, "bsft: %s\n", line.c_str());
  std::fflush(stderr);
}

class Supervisor {
 public:
  Supervisor(std::vector<std::string> const& words, int restarts)
      : words_(words), train_(place_of_train(words)), most_(restarts), policy_(restarts) {
    TrainRequest const request = request_of(words_, train_);
    Config const config = configured(request);
    folder_ = config.run.dir;
    trains_ = !request.dry_run;
    elsewhere_ = config.checkpoint.resume != "auto" && config.checkpoint.resume != "none";
  }

  int run() {
    sigset_t const signals = signals_of_a_parent();
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::setenv("BSFT_LAUNCH", std::to_string(::getpid()).c_str(), 1);
    for (;;) {
      Attempt const attempt = try_once();
      switch (policy_.after(attempt)) {
        case Next::end:
          return end(attempt.exit_code);
        case Next::give_up:
          return give_up(attempt.exit_code);
        case Next::restart:
          prepare(attempt);
      }
    }
  }

 private:
  Attempt try_once() {
    Mark const before = mark_of(folder_ / "status.json");
    std::int64_t const step = newest();
    Attempt attempt;
    attempt.exit_code = wait_for(start(words_));
    wait_until_free(folder_);
    attempt.asked = asked_ != 0;
    attempt.claimed = mark_of(folder_ / "status.json") != before;
    attempt.progressed = newest() > step;
    last_ = attempt.claimed ? read_status(folder_) : std::nullopt;
    if (last_ && last_->exit_code >= 0) {
      attempt.own_code = true;
      attempt.exit_code = last_->exit_code;
    } else if (attempt.asked && attempt.exit_code == 128 + SIGUSR1) {
      attempt.exit_code = static_cast<int>(Exit::start_again);  // before it could listen
    } else if (attempt.exit_code == 0 && trains_) {             // as srun's whose task launch failed
      say("the launcher ended with 0, but no rank said that the run is done");
      attempt.exit_code = static_cast<int>(Exit::peer_lost);
    }
    return attempt;
  }

  // The exit code, 128 + the number of a signal.
  int wait_for(pid_t child) {
    sigset_t const signals = signals_of_a_parent();
    timespec const patience{5, 0};
    for (;;) {
      int const signal = ends_ >= 3 ? ::sigtimedwait(&signals, nullptr, &patience) : ::sigwaitinfo(&signals, nullptr);
      if (signal < 0 && errno == EAGAIN) ::kill(-child, SIGKILL);
      if (signal > 0 && signal != SIGCHLD) pass_on(signal, child);
      int status = 0;
      if (signal != SIGCHLD || ::waitpid(child, &status, WNOHANG) != child) continue;
      if (WIFEXITED(status) || WIFSIGNALED(status)) return exit_code_of(status);
    }
  }

  void pass_on(int signal, pid_t child) {
    asked_ = signal;
    if (signal == SIGUSR1 || signal == SIGUSR2) {
      ::kill(child, signal);
      return;
    }
    ++ends_;
    std::string const name = name_of_signal(signal);
    if (ends_ == 1) say(name + ": the run is asked to save and stop (by SIGUSR1); two more end it now, unsaved");
    if (ends_ == 2) say(name + ": it has not stopped yet; one more ends it now, unsaved");
    ::kill(child, ends_ < 3 ? SIGUSR1 : SIGTERM);
  }

  void prepare(Attempt const& attempt) {
    std::int64_t const step = newest();
    std::string const why = last_ && !last_->message.empty() ? last_->message : "no word of its own";
    std::string const line = "restart " + std::to_string(policy_.restarts()) + " after exit code " +
                             std::to_string(attempt.exit_code) + ", " +
                             (step < 0 ? "from the beginning" : "from step " + std::to_string(step));
    say(line + " (" + why + ")");
    if (!attempt.claimed) return;  // nothing was begun: the same words again
    committed_ = committed_ || attempt.progressed;
    if (!elsewhere_ || committed_) words_ = resuming(words_, train_);
    OrderedJson const event = {{"event", "restart"},
                               {"restart", policy_.restarts()},
                               {"exit_code", attempt.exit_code},
                               {"step", step},
                               {"message", why}};
    note_event(folder_, event);
    write_status(folder_, {"restarting", -1, std::max<std::int64_t>(step, 0), last_ ? last_->total_steps : 0,
                           line + ": " + why, policy_.restarts()});
  }

  // What ended without a word in status.json has one now.
  int end(int code) {
    bool const between = !last_ && policy_.restarts() > 0;  // asked before the next attempt had begun
    if (between) last_ = read_status(folder_);
    if (!last_ || (last_->exit_code >= 0 && policy_.restarts() == 0)) return code;
    if (last_->exit_code < 0) {
      last_->exit_code = code;
      last_->state = code == static_cast<int>(Exit::start_again) ? "stopped" : code == 0 ? "done" : "failed";
      last_->message = (asked_ != 0 ? "asked to stop by " + name_of_signal(asked_) + ", it" : std::string("it")) +
                       " ended with exit code " + std::to_string(code) +
                       " and no word of its own: start again with --resume auto";
    }
    last_->restarts = policy_.restarts();
    write_status(folder_, *last_);
    return code;
  }

  int give_up(int code) {
    std::string const why = last_ && !last_->message.empty() ? ": " + last_->message : "";
    RunStatus status = last_.value_or(RunStatus{});
    status.message = one_line("given up after " + std::to_string(most_) + " restarts without a new checkpoint",
                              "exit code " + std::to_string(code) + why, "end the cause, then start it again");
    tell({status.message});
    if (!last_) return code;
    status.state = "failed";
    status.exit_code = code;
    status.restarts = policy_.restarts();
    write_status(folder_, status);
    return code;
  }

  std::int64_t newest() const {
    std::vector<std::int64_t> const steps = published_steps(folder_);
    return steps.empty() ? -1 : steps.back();
  }

  std::vector<std::string> words_;
  std::size_t train_;
  int most_;
  RestartPolicy policy_;
  fs::path folder_;
  bool trains_ = true;      // not a dry run, which leaves no word
  bool elsewhere_ = false;  // it begins with a checkpoint of another place
  bool committed_ = false;
  int asked_ = 0, ends_ = 0;
  std::optional<RunStatus> last_;  // of the last attempt, where it wrote one
};

}  // namespace

int supervise(std::vector<std::string> const& words, int restarts) {
  leave_with_supervisor();
  return Supervisor(words, restarts).run();
}

}  // namespace bsft
