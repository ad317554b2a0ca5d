#include "launch/attached_evaluation.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "launch/slurm/client.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/ownership.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/evaluation_worker.hpp"
#include "trainer/report/report_page.hpp"
#include "trainer/report/results_table.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds nap(200);
constexpr int naps_between_looks = 10;  // for the job's end

// Whether a job holds the folder: by its lock, or, where that does not reach, by its last owner's word.
bool is_running(fs::path const& run_dir) {
  int const lock = ::open((run_dir / ".lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (lock >= 0) {
    bool const held = ::flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(lock);
    if (held) return true;
  }
  auto const owner = last_owner(run_dir);
  return owner && !has_let_go(*owner, slurm::job_ended);
}

Config config_of(fs::path const& run_dir) {
  if (!fs::exists(run_dir / "config.yaml"))
    throw Invalid(Exit::usage, run_dir.string() + " is not a run folder", "it has no config.yaml",
                  "name a folder that bsft train wrote");
  Config config = read_config(run_dir / "config.yaml", {}, Files::may_lack);
  if (config.evaluate.suites.empty())
    throw Invalid(Exit::usage, run_dir.string() + " has nothing to evaluate", "its evaluate.suites is empty",
                  "score a checkpoint with bsft evaluate --model");
  if (!fs::exists(config.data.file))
    throw Invalid(Exit::usage, "data.file: " + config.data.file, "no such file from here",
                  "start bsft in the folder in which the run was started");
  return config;
}

int work_beside(EvaluationWorker& worker, fs::path const& run_dir, Follow follow) {
  for (int naps = 0;;) {
    if (worker.work()) continue;
    std::string const phase = worker.phase().phase;
    if (follow == Follow::no || phase == "closed" || phase == "abandoned") break;
    if (++naps % naps_between_looks == 0 && !is_running(run_dir)) break;
    std::this_thread::sleep_for(nap);
  }
  return static_cast<int>(Exit::done);
}

// As far as training has come: the last step where it is done, else -1.
std::int64_t last_step_of(std::optional<RunStatus> const& status) {
  bool const trained = status && (status->state == "done" || status->state == "trained");
  return trained ? status->step : -1;
}

bool is_complete(fs::path const& run_dir, std::int64_t last) {
  if (!fs::exists(run_dir / "results.json")) return false;
  Json const results = read_json(run_dir / "results.json");
  return !results.contains("missing") && results.contains("final") &&
         results["final"].value("step", std::int64_t{-1}) == last;
}

int finish_run(EvaluationWorker& worker, EvaluationFolder const& folder, RunStatus status) {
  EvaluationPhase phase;
  phase.phase = "complete";
  phase.last_step = status.step;
  if (auto const owner = last_owner(folder.run_dir())) phase.owner = owner->number;
  folder.enter(phase);
  while (worker.phase().phase == "complete") {
    if (!worker.work()) std::this_thread::sleep_for(nap);
  }
  phase = worker.phase();
  if (!phase.message.empty()) std::fprintf(stderr, "bsft: error: %s\n", phase.message.c_str());
  if (phase.exit_code == 0 && status.state == "trained") {
    status.state = "done";
    status.exit_code = 0;
    status.message = "evaluated by bsft evaluate --attach";
    write_status(folder.run_dir(), status);
  }
  write_report({folder.run_dir()}, folder.run_dir() / "report.html");
  OrderedJson const results = parse_ordered_json(read_file(folder.run_dir() / "results.json"), "results.json");
  std::printf("%s\n", results_text(results, TableStyle::terminal).c_str());
  if (phase.exit_code == 0) folder.tidy();
  return phase.exit_code;
}

int complete(EvaluationWorker& worker, Config const& config, fs::path const& run_dir) {
  EvaluationFolder const folder(run_dir);
  auto const status = read_status(run_dir);
  std::int64_t const last = last_step_of(status);
  reconcile(config, run_dir, last, Retry::yes);
  while (!folder.waiting().empty()) {
    if (!worker.work()) std::this_thread::sleep_for(nap);
  }
  int failed = 0;
  for (auto const& [step, row] : folder.rows()) failed += row.value("status", "") == "failed" ? 1 : 0;
  if (failed > 0)
    std::fprintf(stderr, "bsft: warning: %d checkpoints were not scored: see %s\n", failed,
                 (run_dir / "evaluations.jsonl").c_str());
  if (last >= 0 && !is_complete(run_dir, last)) return finish_run(worker, folder, *status);
  std::fprintf(stderr, "bsft: nothing more is to be scored%s\n",
               last < 0 ? ": training is not done, so there is no results.json" : "");
  return static_cast<int>(failed > 0 ? Exit::evaluation_incomplete : Exit::done);
}

}  // namespace

int evaluate_attached(fs::path const& run_dir, Follow follow) {
  Config const config = config_of(run_dir);
  EvaluationWorker worker(config, run_dir);
  if (is_running(run_dir)) return work_beside(worker, run_dir, follow);
  return complete(worker, config, run_dir);
}

}  // namespace bsft
