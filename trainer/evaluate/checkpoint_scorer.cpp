#include "trainer/evaluate/checkpoint_scorer.hpp"

#include <cstdio>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/evaluate/child.hpp"
#include "trainer/evaluate/evaluation.hpp"

namespace bsft {
namespace {

constexpr int draws_while_training = 1000;

// What a line of evaluations.jsonl keeps of a result: the headline's numbers without intervals.
OrderedJson summary_of(OrderedJson const& results) {
  OrderedJson summary;
  for (auto const& [suite, scores] : results.at("suites").items()) {
    OrderedJson& entry = summary[suite];
    for (char const* key : {"macro_f1_tasks", "macro_f1_pooled", "accuracy", "support"}) {
      if (scores.at("overall").is_object()) entry["overall"][key] = scores["overall"][key];
    }
    for (char const* part : {"groups", "tasks"}) {
      for (auto const& [name, score] : scores.at(part).items()) entry[part][name] = score.at("macro_f1_tasks");
    }
  }
  return summary;
}

void remove_quietly(std::filesystem::path const& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::vector<Json> scored_lines(std::filesystem::path const& run_dir) {
  std::vector<Json> lines = read_json_lines(run_dir / "evaluations.jsonl");
  std::erase_if(lines, [](Json const& line) { return line.value("status", "") != "scored"; });
  return lines;
}

}  // namespace

bool is_scored(Config const& config, std::int64_t step, bool last) {
  if (step == 0 || last) return true;
  std::int64_t const every = config.checkpoint.every;
  return every > 0 && step % every == 0 && step / every % config.evaluate.every == 0;
}

std::vector<std::int64_t> left_unscored(std::filesystem::path const& run_dir) {
  std::set<std::int64_t> scored;
  for (Json const& line : scored_lines(run_dir)) scored.insert(line.value("step", std::int64_t{-1}));
  std::vector<std::int64_t> steps = published_steps(run_dir);
  std::erase_if(steps, [&](std::int64_t step) {
    return scored.count(step) > 0 || !std::filesystem::exists(lease_of(run_dir, step));
  });
  return steps;
}

CheckpointScorer::CheckpointScorer(Config const& config, std::filesystem::path run_dir, std::filesystem::path program,
                                   std::function<bool()> give_up)
    : config_(config),
      run_dir_(std::move(run_dir)),
      program_(program.empty() ? this_program() : std::move(program)),
      give_up_(std::move(give_up)) {
  // The run folder is locked by this run: leases of an earlier attempt are stale.
  remove_quietly(lease_of(run_dir_, 0).parent_path());
  std::filesystem::create_directories(lease_of(run_dir_, 0).parent_path());
  std::filesystem::create_directories(run_dir_ / ".evaluations");
  write_atomically(lease_of(run_dir_, 0), "");
  read_earlier_lines();
}

void CheckpointScorer::read_earlier_lines() {
  for (Json const& line : scored_lines(run_dir_)) {
    if (line.value("mode", "likelihood") != config_.evaluate.mode) continue;
    scored_.emplace(line.value("split", ""), line.value("model_digest", ""));
    if (line.contains("metric") && line["metric"].is_number()) {
      double const value = line["metric"].get<double>();
      if (!best_ || value > *best_) best_ = value;
    }
  }
}

CheckpointScorer::Outcome CheckpointScorer::evaluate(std::int64_t step, std::string const& split, bool final_table) {
  auto const out = run_dir_ / ".evaluations" / (step_name(step) + "." + split + ".json");
  auto const log = run_dir_ / ".evaluations" / (step_name(step) + "." + split + ".log");
  bool const tokens = config_.behavior.set != std::vector<std::string>{"none"};
  std::vector<std::string> arguments{"evaluate", "--model",         checkpoint_of(run_dir_, step).string(),
                                     "--data",   config_.data.file, "--split",
                                     split,      "--out",           out.string()};
  auto add = [&](std::string const& name, std::string const& value) {
    arguments.push_back("--" + name);
    arguments.push_back(value);
  };
  if (config_.data.skip_corrupt > 0) add("skip-corrupt", std::to_string(config_.data.skip_corrupt));
  add("mode", config_.evaluate.mode);
  add("arm", config_.evaluate.arm == "behavior" && !tokens ? "sft" : config_.evaluate.arm);
  add("template", config_.model.template_family);
  add("position", config_.behavior.position);
  add("selection", config_.behavior.selection);
  add("kernels", config_.kernels);
  add("threads", std::to_string(config_.train.threads_per_rank));
  add("max-tokens", std::to_string(config_.train.max_tokens_per_pass));
  add("seed", std::to_string(config_.run.seed));
  if (!final_table) add("draws", std::to_string(draws_while_training));
  add("missed-cost", OrderedJson(config_.evaluate.missed_cost).dump());
  if (final_table && step != 0) add("records-out", (run_dir_ / "predictions.jsonl").string());
  for (auto const& suite : config_.evaluate.suites) add("suite", suite);
  for (auto const& condition : config_.evaluate.conditions) add("condition", condition);
  if (tokens) {
    for (auto const& behavior : config_.behavior.set) add("behavior", behavior);
  }
  if (!final_table && config_.evaluate.max_records > 0)
    add("max-records", std::to_string(config_.evaluate.max_records));

  Outcome outcome;
  try {
    remove_quietly(out);
    ChildEnd const end = run_child(program_, arguments, log, Variables::plain, give_up_);
    outcome.given_up = end.given_up && end.exit_code != 0;
    outcome.exit_code = end.exit_code;
    outcome.error = end.error;
    if (end.exit_code == 0) outcome.results = parse_ordered_json(read_file(out), out.string());
  } catch (std::exception const& error) {
    outcome.error = error.what();
    outcome.exit_code = static_cast<int>(Exit::internal);
    outcome.results = nullptr;
  }
  remove_quietly(out);
  if (outcome.exit_code == 0 || outcome.given_up) remove_quietly(log);
  return outcome;
}

void CheckpointScorer::score(std::int64_t step) {
  if (give_up_ && give_up_()) return;
  std::string const& split = config_.evaluate.split;
  OrderedJson line;
  line["step"] = step;
  line["checkpoint"] = step_name(step);
  line["split"] = split;
  line["mode"] = config_.evaluate.mode;
  try {
    write_atomically(lease_of(run_dir_, step), "");
    if (!std::filesystem::exists(checkpoint_of(run_dir_, step))) {
      line["status"] = "skipped";
      line["error"] = "the checkpoint is not there any more";
    } else {
      std::string const digest = model_digest(checkpoint_of(run_dir_, step));
      line["model_digest"] = digest;
      if (scored_.count({split, digest}) > 0) {
        line["status"] = "same";
      } else if (Outcome const outcome = evaluate(step, split, false); outcome.given_up) {
        return;
      } else if (outcome.results.is_null()) {
        line["status"] = "failed";
        line["exit_code"] = outcome.exit_code;
        line["error"] = outcome.error;
      } else {
        auto const metric = value_at(outcome.results, config_.evaluate.metric);
        line["status"] = "scored";
        line["metric"] = metric ? OrderedJson(*metric) : OrderedJson();
        line["headline"] = outcome.results.value("headline", "");
        line["suites"] = summary_of(outcome.results);
        line["steer"] = outcome.results["steer"];
        scored_.emplace(split, digest);
        note_best(step, metric);
      }
    }
  } catch (std::exception const& error) {
    line["status"] = "failed";
    line["error"] = error.what();
  }
  if (step == 0 && line["status"] == "scored") before_ = evaluate(0, config_.evaluate.final_split, true);
  if (line["status"] == "failed")
    std::fprintf(stderr, "bsft: evaluation of %s failed: %s\n", step_name(step).c_str(),
                 line["error"].get<std::string>().c_str());
  try {
    append_line(run_dir_ / "evaluations.jsonl", line.dump());
  } catch (std::exception const& error) {
    std::fprintf(stderr, "bsft: %s\n", error.what());
  }
  if (step != 0) remove_quietly(lease_of(run_dir_, step));
}

void CheckpointScorer::note_best(std::int64_t step, std::optional<double> metric) {
  if (!metric || (best_ && *metric <= *best_)) return;
  best_ = metric;
  write_atomically(run_dir_ / "BEST", step_name(step) + "\n");
}

void CheckpointScorer::finish(std::int64_t final_step) {
  std::string const& split = config_.evaluate.final_split;
  std::vector<std::string> missing;
  auto score_one = [&](std::int64_t step) {
    if (!std::filesystem::exists(checkpoint_of(run_dir_, step))) {
      missing.push_back(step_name(step) + " (the checkpoint is not there)");
      return OrderedJson();
    }
    bool const done = step == 0 && before_ && !before_->results.is_null();
    Outcome outcome = done ? *before_ : evaluate(step, split, true);
    if (outcome.given_up) throw Error(Exit::start_again, "the evaluation was given up", "the run was asked to stop");
    if (outcome.results.is_null()) missing.push_back(step_name(step) + " (" + outcome.error + ")");
    return std::move(outcome.results);
  };
  write_atomically(lease_of(run_dir_, final_step), "");
  OrderedJson before = score_one(0);
  OrderedJson results = final_step == 0 ? before : score_one(final_step);
  remove_quietly(lease_of(run_dir_, 0));
  remove_quietly(lease_of(run_dir_, final_step));

  if (results.is_null()) results = OrderedJson::object();
  results["config_digest"] = digest_of(config_);
  results["final"] = {{"step", final_step}, {"model_digest", results.value("model_digest", "")}};
  if (!before.is_null()) {
    for (char const* key : {"data_digest", "split", "mode", "arm"}) before.erase(key);
    before["step"] = 0;
    results["before"] = std::move(before);
  }
  if (!missing.empty()) results["missing"] = missing;
  write_atomically(run_dir_ / "results.json", results.dump(1) + "\n");
  remove_quietly(lease_of(run_dir_, 0).parent_path());
  if (missing.empty()) {
    remove_quietly(run_dir_ / ".evaluations");
    return;
  }
  std::string list;
  for (auto const& one : missing) list += (list.empty() ? "" : ", ") + one;
  throw Error(Exit::evaluation_incomplete, "the evaluation is incomplete", list,
              "training is done and its checkpoints are good: run bsft evaluate on them");
}

}  // namespace bsft
