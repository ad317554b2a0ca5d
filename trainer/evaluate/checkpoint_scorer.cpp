#include "trainer/evaluate/checkpoint_scorer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/evaluate/evaluation.hpp"

namespace bsft {
namespace {

constexpr int tries_to_write = 3;
constexpr int draws_while_training = 1000;  // of the bootstrap
constexpr std::int64_t most_parts = 16;     // each loads the model

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

std::int64_t sharers(Config const& config) {
  return std::min<std::int64_t>(config.parallel.evaluator_ranks, most_parts);
}

std::filesystem::path failed_of(std::filesystem::path const& part) { return part.string() + ".failed"; }

std::string text_of(std::filesystem::path const& file) {
  return std::filesystem::exists(file) ? read_file(file) : std::string();
}

void remove_quietly(std::filesystem::path const& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Json const* same_weights(std::map<std::int64_t, Json> const& rows, std::string const& split,
                         std::string const& digest) {
  for (auto const& [step, row] : rows) {
    if (row.value("status", "") == "scored" && row.value("split", "") == split &&
        row.value("model_digest", "") == digest)
      return &row;
  }
  return nullptr;
}

// The reason why results are not of the data that a checkpoint was trained on; empty where they are, or nothing is
// known.
std::string other_data(std::filesystem::path const& checkpoint, OrderedJson const& results) {
  std::string trained_on;
  try {
    trained_on = read_manifest(checkpoint).data_digest;
  } catch (Error const&) {
    return "";
  }
  std::string const scored_on = results.value("data_digest", "");
  if (trained_on.empty() || scored_on == trained_on) return "";
  return "the data file has digest " + scored_on + ", the run was trained on " + trained_on;
}

}  // namespace

bool is_scored(Config const& config, std::int64_t step, bool last) {
  if (step == 0 || last) return true;
  std::int64_t const every = config.checkpoint.every;
  return every > 0 && step % every == 0 && step / every % config.evaluate.every == 0;
}

CheckpointScorer::CheckpointScorer(Config const& config, std::filesystem::path run_dir, std::filesystem::path program,
                                   std::function<bool()> give_up)
    : config_(config),
      folder_(run_dir),
      run_dir_(std::move(run_dir)),
      program_(program.empty() ? this_program() : std::move(program)),
      give_up_(std::move(give_up)) {
  folder_.prepare();
}

std::string const& CheckpointScorer::split_of(Evaluation one) const {
  return one.table ? config_.evaluate.final_split : config_.evaluate.split;
}

std::vector<std::string> CheckpointScorer::arguments(Evaluation one) const {
  bool const tokens = config_.behavior.set != std::vector<std::string>{"none"};
  std::vector<std::string> words{"evaluate",   "--model",         checkpoint_of(run_dir_, one.step).string(),
                                 "--data",     config_.data.file, "--split",
                                 split_of(one)};
  auto add = [&](std::string const& name, std::string const& value) {
    words.push_back("--" + name);
    words.push_back(value);
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
  add("missed-cost", OrderedJson(config_.evaluate.missed_cost).dump());
  if (one.table)
    add("records-out", predictions_of(one.step).string());
  else
    add("draws", std::to_string(draws_while_training));
  for (auto const& suite : config_.evaluate.suites) add("suite", suite);
  for (auto const& condition : config_.evaluate.conditions) add("condition", condition);
  if (tokens) {
    for (auto const& behavior : config_.behavior.set) add("behavior", behavior);
  }
  if (!one.table && config_.evaluate.max_records > 0) add("max-records", std::to_string(config_.evaluate.max_records));
  return words;
}

// Who was stopped and lost its claim may be at the same when it comes back, so files of a child have its parent's tag.
std::filesystem::path CheckpointScorer::file_of(Evaluation one, std::string const& kind) const {
  return folder_.work() / (step_name(one.step) + "." + split_of(one) + (one.table ? ".table." : ".") + kind);
}

CheckpointScorer::Outcome CheckpointScorer::run(Evaluation one, std::vector<std::string> const& more) {
  auto const log = file_of(one, process_tag() + ".log");
  Outcome outcome;
  try {
    std::vector<std::string> words = arguments(one);
    words.insert(words.end(), more.begin(), more.end());
    auto const start = std::chrono::steady_clock::now();
    std::chrono::seconds const limit(config_.evaluate.timeout);
    bool late = false;
    ChildEnd const end = run_child(program_, words, log, Variables::plain, [&] {
      late = limit.count() > 0 && std::chrono::steady_clock::now() - start > limit;
      return late || (give_up_ && give_up_());
    });
    outcome.given_up = end.given_up && !late && end.exit_code != 0;
    outcome.exit_code = late ? static_cast<int>(Exit::evaluation_incomplete) : end.exit_code;
    outcome.error = late ? "not done within evaluate.timeout, " + std::to_string(limit.count()) + " s" : end.error;
  } catch (std::exception const& error) {
    outcome.error = error.what();
    outcome.exit_code = static_cast<int>(Exit::internal);
  }
  if (outcome.exit_code == 0 || outcome.given_up) remove_quietly(log);
  return outcome;
}

// A child that was killed has one more try.
CheckpointScorer::Outcome CheckpointScorer::run_twice(Evaluation one, std::vector<std::string> const& more) {
  Outcome outcome = run(one, more);
  if (outcome.exit_code > 128 && !outcome.given_up) outcome = run(one, more);
  return outcome;
}

CheckpointScorer::Outcome CheckpointScorer::evaluate(Evaluation one) {
  std::int64_t const count = parts(one);
  auto const out = file_of(one, process_tag() + ".out");
  std::vector<std::string> words{"--out", out.string()};
  bool all = true;
  Outcome outcome;
  for (std::int64_t number = 0; number < count; ++number) {
    auto const file = part_of(one, number);
    if (std::filesystem::exists(file)) words.insert(words.end(), {"--scored", file.string()});
    all = all && has_part(one, number);
    if (Json const failed = Json::parse(text_of(failed_of(file)), nullptr, false); failed.is_object()) {
      outcome.error = failed.value("error", "");
      outcome.exit_code = failed.value("exit_code", static_cast<int>(Exit::internal));
    }
  }
  if (!all) words.resize(2);
  if (outcome.exit_code == 0) outcome = run_twice(one, words);
  if (outcome.given_up) return outcome;
  try {
    if (outcome.exit_code == 0) {
      OrderedJson results = parse_ordered_json(read_file(out), out.string());
      outcome.error = other_data(checkpoint_of(run_dir_, one.step), results);
      if (outcome.error.empty())
        outcome.results = std::move(results);
      else
        outcome.exit_code = static_cast<int>(Exit::data);
    }
  } catch (std::exception const& error) {
    outcome.error = error.what();
    outcome.exit_code = static_cast<int>(Exit::internal);
  }
  remove_quietly(out);
  for (std::int64_t number = 0; number < count; ++number) {
    remove_quietly(part_of(one, number));
    remove_quietly(failed_of(part_of(one, number)));
  }
  return outcome;
}

std::int64_t CheckpointScorer::parts(Evaluation one) {
  std::int64_t const count = sharers(config_);
  if (count < 2 || !std::filesystem::exists(checkpoint_of(run_dir_, one.step))) return 0;
  return !one.table && same_weights(folder_.rows(), split_of(one), weights_of(one.step)) != nullptr ? 0 : count;
}

bool CheckpointScorer::has_part(Evaluation one, std::int64_t number) {
  auto const file = part_of(one, number);
  return std::filesystem::exists(file) || std::filesystem::exists(failed_of(file));
}

void CheckpointScorer::part(Evaluation one, std::int64_t number) {
  auto const file = part_of(one, number);
  std::string const which = std::to_string(number + 1) + "/" + std::to_string(sharers(config_));
  Outcome const outcome = run_twice(one, {"--part", which, "--scored-out", file.string()});
  if (outcome.exit_code == 0 || outcome.given_up) return;
  write_atomically(failed_of(file),
                   OrderedJson{{"exit_code", outcome.exit_code}, {"error", outcome.error}}.dump() + "\n");
}

// Of other weights, or under another configuration, a part is another one.
std::filesystem::path CheckpointScorer::part_of(Evaluation one, std::int64_t number) {
  return file_of(one, digest_of(config_).substr(0, 8) + "." + weights_of(one.step).substr(0, 8) + ".part-" +
                          std::to_string(number + 1) + "-" + std::to_string(sharers(config_)));
}

// A digest of large files, kept as it is asked for often while others are at it.  A checkpoint comes by a rename.
std::string CheckpointScorer::weights_of(std::int64_t step) {
  auto const folder = checkpoint_of(run_dir_, step);
  auto const as_of = std::filesystem::last_write_time(folder);
  auto& [known, digest] = weights_[step];
  if (digest.empty() || known != as_of) digest = model_digest(folder);
  known = as_of;
  return digest;
}

OrderedJson CheckpointScorer::scored_row(std::int64_t step, bool& given_up) {
  std::string const& split = config_.evaluate.split;
  OrderedJson row = EvaluationFolder::row_of(step, split, "failed");
  row["mode"] = config_.evaluate.mode;
  try {
    if (!std::filesystem::exists(checkpoint_of(run_dir_, step))) {
      row["status"] = "skipped";
      row["error"] = "the checkpoint is not there any more";
      return row;
    }
    std::string const digest = model_digest(checkpoint_of(run_dir_, step));
    row["model_digest"] = digest;
    auto const rows = folder_.rows();
    if (Json const* const known = same_weights(rows, split, digest)) {
      row["status"] = "same";
      row["as"] = known->at("checkpoint");
      row["metric"] = known->value("metric", Json());
      return row;
    }
    Outcome const outcome = evaluate({step, false});
    given_up = outcome.given_up;
    if (outcome.results.is_null()) {
      row["exit_code"] = outcome.exit_code;
      row["error"] = outcome.error;
      return row;
    }
    auto const metric = value_at(outcome.results, config_.evaluate.metric);
    row["status"] = "scored";
    row["metric"] = metric ? OrderedJson(*metric) : OrderedJson();
    row["headline"] = outcome.results.value("headline", "");
    row["suites"] = summary_of(outcome.results);
    row["steer"] = outcome.results["steer"];
  } catch (std::exception const& error) {
    row["status"] = "failed";
    row["error"] = error.what();
  }
  return row;
}

void CheckpointScorer::score(std::int64_t step) {
  if (give_up_ && give_up_()) return;
  try {
    if (!std::filesystem::exists(lease_of(run_dir_, step))) folder_.lease(step);
    bool given_up = false;
    OrderedJson const row = scored_row(step, given_up);
    if (given_up) return;
    if (row["status"] == "failed")
      std::fprintf(stderr, "bsft: warning: evaluation of %s failed: %s\n", step_name(step).c_str(),
                   row["error"].get<std::string>().c_str());
    folder_.add(row);
    if (step == 0)
      folder_.lease(0);  // kept to the end, and asked for no more
    else
      folder_.release(step);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "bsft: warning: the score of %s was not written: %s\n", step_name(step).c_str(), error.what());
    if (++unwritten_[step] >= tries_to_write) folder_.release(step);
  }
}

// Under another configuration the table is another one.
std::filesystem::path CheckpointScorer::table_of(std::int64_t step) const {
  return folder_.work() / (step_name(step) + "." + digest_of(config_).substr(0, 8) + ".table");
}

std::filesystem::path CheckpointScorer::predictions_of(std::int64_t step) const {
  return table_of(step).replace_extension(".predictions");
}

bool CheckpointScorer::has_table(std::int64_t step) const { return std::filesystem::exists(table_of(step)); }

void CheckpointScorer::table(std::int64_t step) {
  Outcome outcome;
  outcome.error = "the checkpoint is not there";
  if (std::filesystem::exists(checkpoint_of(run_dir_, step))) outcome = evaluate({step, true});
  if (outcome.given_up) return;
  if (outcome.results.is_null()) outcome.results = {{"missing", outcome.error}};
  write_atomically(table_of(step), outcome.results.dump(1) + "\n");
}

OrderedJson CheckpointScorer::best() const {
  std::string name;
  std::ifstream(run_dir_ / "BEST") >> name;
  for (auto const& [step, row] : folder_.rows()) {
    if (step_name(step) == name)
      return {{"step", step},
              {"split", config_.evaluate.split},
              {"metric", config_.evaluate.metric},
              {"value", row.value("metric", Json())}};
  }
  return nullptr;
}

void CheckpointScorer::finish(std::int64_t final_step) {
  std::vector<std::string> missing;
  auto score_one = [&](std::int64_t step) {
    if (!has_table(step)) table(step);
    if (!has_table(step)) throw Error(Exit::start_again, "the evaluation was given up", "the run was asked to stop");
    OrderedJson results = parse_ordered_json(read_file(table_of(step)), table_of(step).string());
    if (!results.contains("missing")) return results;
    missing.push_back(step_name(step) + " (" + results["missing"].get<std::string>() + ")");
    return OrderedJson();
  };
  folder_.lease(final_step);
  OrderedJson before = score_one(0);
  OrderedJson results = final_step == 0 ? before : score_one(final_step);

  if (results.is_null()) results = OrderedJson::object();
  results["config_digest"] = digest_of(config_);
  results["final"] = {{"step", final_step}, {"model_digest", results.value("model_digest", "")}};
  if (OrderedJson const top = best(); !top.is_null()) results["best"] = top;
  if (!before.is_null()) {
    for (char const* key : {"data_digest", "split", "mode", "arm"}) before.erase(key);
    before["step"] = 0;
    results["before"] = std::move(before);
  }
  if (!missing.empty()) results["missing"] = missing;
  std::error_code error;
  std::filesystem::rename(predictions_of(final_step), run_dir_ / "predictions.jsonl", error);
  if (error && std::filesystem::exists(predictions_of(final_step)))  // else another has moved them
    throw Failed(Exit::io, "cannot write " + (run_dir_ / "predictions.jsonl").string(), error.message());
  write_atomically(run_dir_ / "results.json", results.dump(1) + "\n");
  folder_.release(0);
  folder_.release(final_step);
  if (missing.empty()) return;
  std::string list;
  for (auto const& one : missing) list += (list.empty() ? "" : ", ") + one;
  throw Error(Exit::evaluation_incomplete, "the evaluation is incomplete", list,
              "training is done and its checkpoints are good: bsft evaluate --attach " + run_dir_.string());
}

}  // namespace bsft
