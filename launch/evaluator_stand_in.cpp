#include "launch/evaluator_stand_in.hpp"

#include <unistd.h>

#include <cstdio>
#include <vector>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "trainer/config/config.hpp"
#include "trainer/report/run_events.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr int tries = 3;
constexpr int last_moment = 15;  // s for the trainers to leave, once the run has ended

fs::path mark_of(fs::path const& run_dir, int rank) {
  return run_dir / ".evaluations" / ("lost-" + std::to_string(rank));
}

void note_lost(fs::path const& run_dir, int rank, std::string const& line) {
  std::fprintf(stderr, "bsft: warning: %s\n", line.c_str());
  std::fflush(stderr);
  try {
    write_atomically(mark_of(run_dir, rank), line + "\n");
    note_event(run_dir, {{"event", "evaluator_lost"}, {"rank", rank}, {"message", line}});
  } catch (Error const&) {  // rank 0 finds out by the silence
  }
}

bool has_ended(fs::path const& run_dir) {
  auto const status = read_status(run_dir);
  return status && status->exit_code >= 0;
}

}  // namespace

void forget_lost(fs::path const& run_dir) {
  std::error_code error;
  for (fs::directory_iterator entry(run_dir / ".evaluations", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().filename().string().starts_with("lost-")) fs::remove(entry->path(), ignored);
  }
}

bool is_lost(fs::path const& run_dir, int rank) {
  std::error_code error;
  return fs::exists(mark_of(run_dir, rank), error);
}

bool serves(FlightRecorder const& recorder) {
  Snapshot const last = recorder.snapshot();
  return last.role == Role::evaluator && (last.activity == Activity::evaluation || last.activity == Activity::ending);
}

bool EvaluatorWatch::is_stopped() {
  Snapshot const now = recorder_.snapshot();
  bool const moved = now.progress != progress_;
  progress_ = now.progress;
  quiet_ = moved || !serves(recorder_) || now.activity == Activity::ending ? 0 : quiet_ + 1;
  if (quiet_ == 0) return false;
  if (limit_ == 0) {
    limit_ = ParallelConfig{}.hang_seconds;
    try {
      limit_ = read_config(recorder_.folder() / "config.yaml", {}, Files::may_lack).parallel.hang_seconds;
    } catch (Error const&) {
    }
  }
  return quiet_ > limit_;
}

int stand_in(FlightRecorder const& recorder, sigset_t const& signals, std::string const& line) {
  fs::path const run_dir = recorder.folder();
  int const rank = recorder.snapshot().rank;
  note_lost(run_dir, rank, line);
  pid_t const launcher = ::getppid();
  int asked = 0;
  auto const gives_up = [&] {
    timespec const none{0, 0};
    int const signal = ::sigtimedwait(&signals, nullptr, &none);
    if (signal > 0 && signal != SIGCHLD && asked == 0) asked = signal;
    return asked != 0 || ::getppid() != launcher;
  };
  try {
    fs::path const log = run_dir / ".evaluations" / ("stand-in-" + std::to_string(rank) + ".log");
    std::vector<std::string> const words{"evaluate", "--attach", run_dir.string(), "--watch"};
    for (int tried = 0; tried < tries && !gives_up() && !has_ended(run_dir); ++tried) {
      ChildEnd const end = run_child(this_program(), words, log, Variables::plain, gives_up);
      if (end.exit_code == 0) break;
    }
  } catch (std::exception const& error) {
    std::fprintf(stderr, "bsft: warning: nothing stands in for evaluator rank %d: %s\n", rank, error.what());
  }
  for (int left = last_moment * 10; left > 0 && !gives_up(); left -= has_ended(run_dir) ? 1 : 0) ::usleep(100'000);
  return asked != 0 ? 128 + asked : 0;
}

}  // namespace bsft
