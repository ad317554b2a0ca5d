#include "launch/verify_run.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "data/feed/ledger.hpp"
#include "launch/training_data.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/evaluate/checkpoint_scorer.hpp"
#include "trainer/report/progress.hpp"
#include "trainer/report/run_events.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

// The plan of a run, as far as its data is here.
class Planned {
 public:
  Planned(Config const& config, fs::path const& file) : file_(file.empty() ? fs::path(config.data.file) : file) {
    try {
      reader_.emplace(file_);
      bool const skips = config.data.skip_corrupt > 0;
      order_ = order_of(config, *reader_, skips ? reader_->damage(Rows::tokens) : std::vector<ChunkDamage>{}).order;
      samples_.emplace(*order_);
    } catch (Error const& error) {
      why_not_ = error.what();
      return;
    }
  }
  std::optional<std::string> const& why_not() const { return why_not_; }
  std::string const& data_digest() const { return reader_->catalog().data_digest; }
  Ledger const& up_to(std::int64_t steps) { return samples_->up_to(steps); }
  std::string file() const { return file_.string(); }

 private:
  fs::path file_;
  std::optional<StoreReader> reader_;
  std::unique_ptr<Order> order_;
  std::optional<PlannedSamples> samples_;
  std::optional<std::string> why_not_;
};

class Proof {
 public:
  explicit Proof(fs::path run_dir) : run_dir_(std::move(run_dir)) {}

  RunProof of(fs::path const& data) {
    std::vector<std::int64_t> const steps = published_steps(run_dir_);
    std::vector<Json> const metrics = read_json_lines(run_dir_ / "metrics.jsonl");
    if (steps.empty() && metrics.empty())
      throw Invalid(Exit::usage, run_dir_.string() + " is not a run folder",
                    "it has no checkpoint and no metrics.jsonl", "name a folder that bsft train wrote");
    for (std::int64_t const step : steps) checkpoint(step, data);
    read_metrics(metrics);
    read_evaluations(steps);
    return {std::move(table_), std::move(differences_), std::move(not_proved_)};
  }

 private:
  void differs(std::string const& line) { differences_.push_back(line); }

  void checkpoint(std::int64_t step, fs::path const& data) {
    fs::path const folder = checkpoint_of(run_dir_, step);
    std::vector<std::string> cells{step_name(step), "-", "-", "-", "-", "-"};
    try {
      Manifest const manifest = read_manifest(folder);
      manifests_[step] = manifest;
      cells[2] = grouped(manifest.updates);
      cells[3] = grouped(manifest.consumed.samples);
      cells[1] = "damaged";
      verify(manifest, folder);
      Config const config = read_config(folder / "training_config.yaml", {}, Files::may_lack);
      cells[1] = "whole";
      config_ = config;
      if (digest_of(config) != manifest.config_digest)
        differs(step_name(step) + ": its configuration is not the manifest's");
      if (manifest.step != step)
        differs(step_name(step) + ": its manifest is of step " + std::to_string(manifest.step));
      if (manifest.updates + manifest.empty_batches + manifest.skipped != step)
        differs(step_name(step) + ": " + std::to_string(manifest.updates) + " updates, " +
                std::to_string(manifest.empty_batches) + " empty batches and " + std::to_string(manifest.skipped) +
                " skipped steps are not " + std::to_string(step) + " steps");
      cells[4] = compare(step, manifest, config, data);
    } catch (Error const& error) {
      differs(error.what());
    }
    table_.add(cells);
  }

  std::string compare(std::int64_t step, Manifest const& manifest, Config const& config, fs::path const& data) {
    if (!planned_) planned_.emplace(config, data);
    if (planned_->why_not()) {
      not_proved_ = "the consumed samples were not compared with the planned ones: " + *planned_->why_not();
      return "not compared";
    }
    if (planned_->data_digest() != manifest.data_digest) {
      differs(step_name(step) + ": " + planned_->file() + " is not the data that it was made with (digest " +
              planned_->data_digest() + ", not " + manifest.data_digest + ")");
      return "other data";
    }
    Ledger const& planned = planned_->up_to(step);
    if (planned == manifest.consumed) return "yes";
    std::int64_t const more = manifest.consumed.samples - planned.samples;
    differs(step_name(step) + ": consumed " + std::to_string(manifest.consumed.samples) + " samples with digest " +
            manifest.consumed.digest() + ", planned are " + std::to_string(planned.samples) + " with " +
            planned.digest() +
            (more > 0   ? ": some were repeated"
             : more < 0 ? ": some were left out"
                        : ": some were taken in place of others, or in another step"));
    return "NO";
  }

  // The step after which metrics.jsonl begins: 0, or where another folder's checkpoint was gone on from.
  std::int64_t begins_after() const {
    for (Json const& event : read_events(run_dir_)) {
      if (event.value("event", "") != "resumed") continue;
      return event.value("own", true) ? 0 : event.value("step", std::int64_t{0});
    }
    return 0;
  }

  void read_metrics(std::vector<Json> const& metrics) {
    std::int64_t const first = begins_after();
    std::int64_t before = first;  // step of the last line
    std::int64_t records = 0, skipped = 0;
    bool continuous = true;
    std::set<std::int64_t> seen;
    for (Json const& line : metrics) {
      std::int64_t const step = line.value("step", std::int64_t{-1});
      if (step != before + 1 && continuous) {
        differs("metrics.jsonl: step " + std::to_string(step) + " stands after step " + std::to_string(before));
        continuous = false;
      }
      if (!seen.insert(step).second) differs("metrics.jsonl: step " + std::to_string(step) + " stands there twice");
      before = step;
      records += line.value("records", std::int64_t{0});
      skipped = line.value("skipped", std::int64_t{0});
      auto const found = manifests_.find(step);
      if (!continuous || found == manifests_.end()) continue;
      if (first == 0 && records != found->second.consumed.samples)
        differs("metrics.jsonl: " + std::to_string(records) + " records up to step " + std::to_string(step) + ", " +
                step_name(step) + " has consumed " + std::to_string(found->second.consumed.samples));
      if (skipped != found->second.skipped)
        differs("metrics.jsonl: " + std::to_string(skipped) + " steps skipped up to step " + std::to_string(step) +
                ", by " + step_name(step) + " " + std::to_string(found->second.skipped));
    }
    std::int64_t const newest = manifests_.empty() ? 0 : manifests_.rbegin()->first;
    if (before < newest)
      differs("metrics.jsonl ends with step " + std::to_string(before) + ", the newest checkpoint is of step " +
              std::to_string(newest));
    table_.add_rule();
    table_.add({"metrics.jsonl", continuous && before >= newest ? "whole" : "NOT WHOLE", "", grouped(records), "",
                "steps " + std::to_string(first + 1) + " to " + std::to_string(before)});
  }

  void read_evaluations(std::vector<std::int64_t> const& steps) {
    if (!config_ || config_->evaluate.suites.empty()) return;
    std::map<std::pair<std::string, std::string>, int> scored;  // (split, digest of the model)
    std::map<std::int64_t, std::string> status;
    for (Json const& line : read_json_lines(run_dir_ / "evaluations.jsonl")) {
      std::int64_t const step = line.value("step", std::int64_t{-1});
      std::string const now = line.value("status", "");
      if (status[step] != "scored" && status[step] != "same") status[step] = now;
      if (now == "scored" && ++scored[{line.value("split", ""), line.value("model_digest", "")}] > 1)
        differs("evaluations.jsonl: " + step_name(step) + " was scored twice");
    }
    int missing = 0;
    for (std::int64_t const step : steps) {
      bool const newest = step == steps.back();
      if (config_->evaluate.policy == "latest" || !is_scored(*config_, step, newest) || (newest && is_running()))
        continue;
      if (status[step] == "scored" || status[step] == "same") continue;
      ++missing;
      differs("evaluations.jsonl: " + step_name(step) + " was not scored" +
              (status[step].empty() ? "" : " (" + status[step] + ")"));
    }
    table_.add({"evaluations.jsonl", missing == 0 ? "whole" : "NOT WHOLE", "", "", "",
                std::to_string(scored.size()) + " scored"});
  }

  bool is_running() const {
    fs::path const file = run_dir_ / "status.json";
    if (!fs::exists(file)) return true;
    std::string const state = parse_json(read_file(file), file.string()).value("state", "running");
    return state != "done" && state != "trained";
  }

  fs::path run_dir_;
  Table table_{{{"of"}, {"files"}, {"updates", Align::right}, {"samples", Align::right}, {"as planned"}, {"lines"}}};
  std::vector<std::string> differences_;
  std::optional<std::string> not_proved_;
  std::map<std::int64_t, Manifest> manifests_;
  std::optional<Config> config_;  // of the newest checkpoint that is whole
  std::optional<Planned> planned_;
};

}  // namespace

RunProof verify_run(fs::path const& run_dir, fs::path const& data) { return Proof(run_dir).of(data); }

}  // namespace bsft
