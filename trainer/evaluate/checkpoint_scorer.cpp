#include "trainer/evaluate/checkpoint_scorer.hpp"

#include <cstdio>
#include <fstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/evaluate/evaluation.hpp"

namespace bsft {
namespace {

constexpr int tries_to_write = 3;

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
      run_dir_(run_dir),
      give_up_(give_up),
      child_(config, run_dir, std::move(program), std::move(give_up)),
      parts_(config, run_dir, child_) {
  folder_.prepare();
}

CheckpointScorer::Outcome CheckpointScorer::evaluate(Evaluation one) {
  Outcome outcome;
  if (std::optional<ChildOutcome> const failure = parts_.failure(one)) {
    outcome.child = *failure;
    return outcome;
  }
  // Who was stopped and lost its claim may be at the same when it comes back.
  auto const out = child_.file_of(one, process_tag() + ".out");
  std::vector<std::string> words = parts_.words(one);
  words.insert(words.end(), {"--out", out.string()});
  outcome.child = child_.run(one, words);
  try {
    if (outcome.child.exit_code == 0) {
      OrderedJson results = parse_ordered_json(read_file(out), out.string());
      outcome.child.error = other_data(checkpoint_of(run_dir_, one.step), results);
      if (outcome.child.error.empty())
        outcome.results = std::move(results);
      else
        outcome.child.exit_code = static_cast<int>(Exit::data);
    }
  } catch (std::exception const& error) {
    outcome.child = {error.what(), static_cast<int>(Exit::internal)};
  }
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  return outcome;
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
    given_up = outcome.child.given_up;
    if (outcome.results.is_null()) {
      row["exit_code"] = outcome.child.exit_code;
      row["error"] = outcome.child.error;
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
    if (row["status"] != "skipped") parts_.remove({step});
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

bool CheckpointScorer::has_table(std::int64_t step) const { return std::filesystem::exists(table_of(step)); }

void CheckpointScorer::table(std::int64_t step) {
  Outcome outcome;
  outcome.child.error = "the checkpoint is not there";
  if (std::filesystem::exists(checkpoint_of(run_dir_, step))) outcome = evaluate({step, true});
  if (outcome.child.given_up) return;
  if (outcome.results.is_null() && has_table(step)) return;  // another made it
  if (outcome.results.is_null()) outcome.results = {{"missing", outcome.child.error}};
  write_atomically(table_of(step), outcome.results.dump(1) + "\n");
  if (std::filesystem::exists(checkpoint_of(run_dir_, step))) parts_.remove({step, true});
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
  std::filesystem::rename(child_.predictions_of(final_step), run_dir_ / "predictions.jsonl", error);
  if (error && std::filesystem::exists(child_.predictions_of(final_step)))  // else another has moved them
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
