#include "trainer/evaluate/evaluation_worker.hpp"

#include <algorithm>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr char const* worker = "worker-";
constexpr char const* part_mark = ".part-";

std::string claim_of(Evaluation one) { return step_name(one.step) + (one.table ? ".table" : ""); }

bool is_final(Json const& row) {
  std::string const status = row.value("status", "");
  return status == "scored" || status == "same";
}

}  // namespace

double stale_after(Config const& config) { return static_cast<double>(config.parallel.hang_seconds); }

bool any_worker(Claims& claims) { return claims.any_held(worker); }

void skip(EvaluationFolder const& folder, Config const& config, std::int64_t step, std::string const& why) {
  OrderedJson row = EvaluationFolder::row_of(step, config.evaluate.split, "skipped");
  row["error"] = why;
  folder.add(row);
}

EvaluationWorker::EvaluationWorker(Config const& config, fs::path run_dir, std::function<bool()> give_up,
                                   std::function<void()> on_beat, fs::path program)
    : config_(config),
      folder_(run_dir),
      claims_((folder_.prepare(), folder_.work()), stale_after(config), std::move(on_beat)),
      give_up_(std::move(give_up)),
      scorer_(config, run_dir, std::move(program), give_up_) {
  claims_.take(worker + process_tag());
}

EvaluationPhase EvaluationWorker::phase(std::int64_t owner) const {
  EvaluationPhase const now = folder_.phase();
  return owner == 0 || now.owner == owner ? now : EvaluationPhase{};
}

// "latest": what is older than the newest is given up, and its lease with it; not step 0, which is compared with, and
// not what is shared and begun, which comes first.
std::vector<std::int64_t> EvaluationWorker::chosen(std::vector<std::int64_t> waiting) {
  if (config_.evaluate.policy != "latest" || waiting.empty()) return waiting;
  std::int64_t const newest = waiting.back();
  std::vector<std::int64_t> kept, begun;
  for (std::int64_t const step : waiting) {
    if (step == newest || step == 0) {
      kept.push_back(step);
    } else if (is_begun({step})) {
      begun.push_back(step);
    } else if (claims_.take(step_name(step))) {
      skip(folder_, config_, step, "given up: " + step_name(newest) + " is newer (evaluate.policy: latest)");
      folder_.release(step);
      claims_.drop(step_name(step));
    }
  }
  begun.insert(begun.end(), kept.rbegin(), kept.rend());
  return begun;
}

bool EvaluationWorker::is_asked_for(Evaluation one) const {
  if (one.table) return !scorer_.has_table(one.step);
  std::vector<std::int64_t> const waiting = folder_.waiting();
  return std::find(waiting.begin(), waiting.end(), one.step) != waiting.end();
}

bool EvaluationWorker::is_begun(Evaluation one) {
  if (claims_.any_held(claim_of(one) + part_mark)) return true;
  for (std::int64_t number = 0, count = scorer_.parts().count(one); number < count; ++number)
    if (scorer_.parts().has(one, number)) return true;
  return false;
}

// Where an evaluation is shared its parts come first; what others are at is passed over.
bool EvaluationWorker::score(Evaluation one) {
  if (one.table && scorer_.has_table(one.step)) return false;
  std::string const name = claim_of(one);
  bool all = true;
  for (std::int64_t number = 0, count = scorer_.parts().count(one); number < count; ++number) {
    if (scorer_.parts().has(one, number)) continue;
    all = false;
    std::string const part = name + part_mark + std::to_string(number + 1);
    if (!claims_.take(part)) continue;
    // Another may have done it since we looked.
    bool const open = is_asked_for(one) && !scorer_.parts().has(one, number);
    if (open) scorer_.parts().make(one, number);
    claims_.drop(part);
    if (open) return true;
  }
  if (!all || !claims_.take(name)) return false;
  bool const open = is_asked_for(one);
  if (open && one.table)
    scorer_.table(one.step);
  else if (open)
    scorer_.score(one.step);
  claims_.drop(name);
  return open;
}

bool EvaluationWorker::close(EvaluationPhase phase) {
  if (!claims_.take("results")) return false;
  bool const open = folder_.phase().phase == "complete";
  if (open) {
    phase.phase = "closed";
    try {
      scorer_.finish(phase.last_step);
    } catch (Error const& error) {
      phase.exit_code = static_cast<int>(error.code());
      phase.message = error.what();
    }
    if (phase.exit_code != static_cast<int>(Exit::start_again)) folder_.enter(phase);
  }
  claims_.drop("results");
  return open;
}

bool EvaluationWorker::work() {
  if (give_up_ && give_up_()) return false;
  std::vector<std::int64_t> const waiting = chosen(folder_.waiting());
  for (std::int64_t const step : waiting) {
    if (score({step})) return true;
  }
  bool const first = fs::exists(lease_of(folder_.run_dir(), 0)) && fs::exists(checkpoint_of(folder_.run_dir(), 0));
  if (first && score({0, true})) return true;
  EvaluationPhase const now = folder_.phase();
  if (now.phase != "complete") return false;
  if (score({0, true}) || score({now.last_step, true})) return true;
  bool const all = waiting.empty() && scorer_.has_table(0) && scorer_.has_table(now.last_step);
  return all && close(now);
}

void reconcile(Config const& config, fs::path const& run_dir, std::int64_t last, Retry retry) {
  EvaluationFolder const folder(run_dir);
  folder.prepare();
  Claims claims(folder.work(), stale_after(config));
  for (fs::directory_iterator entry(folder.work()), end; entry != end; ++entry) {
    if (entry->path().extension() != ".table") continue;
    Json const table = Json::parse(read_file(entry->path()), nullptr, false);
    std::error_code ignored;
    if (!table.is_object() || table.contains("missing")) fs::remove(entry->path(), ignored);
  }
  auto const rows = folder.rows();
  std::vector<std::int64_t> const steps = published_steps(run_dir);
  for (std::int64_t const step : steps) {
    auto const row = rows.find(step);
    bool const due = is_scored(config, step, step == last);
    bool const leased = fs::exists(lease_of(run_dir, step));
    if (row == rows.end() && due && !leased) folder.lease(step);
    if (row == rows.end() && !due && !leased) skip(folder, config, step, "not due by evaluate.every");
    if (row == rows.end()) continue;
    if (retry == Retry::yes && due && !is_final(row->second)) folder.lease(step, true);
  }
  std::vector<std::int64_t> const waiting = folder.waiting();
  for (fs::directory_iterator entry(lease_of(run_dir, 0).parent_path()), end; entry != end; ++entry) {
    std::string const name = entry->path().filename().string();
    bool const waits =
        std::any_of(waiting.begin(), waiting.end(), [&](std::int64_t step) { return step_name(step) == name; });
    std::error_code ignored;
    if (!waits && name != step_name(0) && !claims.is_held(name)) fs::remove(entry->path(), ignored);
  }
}

}  // namespace bsft
