#include "trainer/evaluate/evaluation_child.hpp"

#include <chrono>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "data/base/host.hpp"
#include "data/base/json.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {
namespace {

constexpr int draws_while_training = 1000;  // of the bootstrap

}  // namespace

EvaluationChild::EvaluationChild(Config const& config, std::filesystem::path const& run_dir,
                                 std::filesystem::path program, std::function<bool()> give_up)
    : config_(config),
      folder_(run_dir),
      program_(program.empty() ? this_program() : std::move(program)),
      give_up_(std::move(give_up)) {}

std::string const& EvaluationChild::split_of(Evaluation one) const {
  return one.table ? config_.evaluate.final_split : config_.evaluate.split;
}

std::filesystem::path EvaluationChild::file_of(Evaluation one, std::string const& kind) const {
  return folder_.work() / (step_name(one.step) + "." + split_of(one) + (one.table ? ".table." : ".") + kind);
}

std::filesystem::path EvaluationChild::predictions_of(std::int64_t step) const {
  return folder_.work() / (step_name(step) + "." + digest_of(config_).substr(0, 8) + ".predictions");
}

std::vector<std::string> EvaluationChild::arguments(Evaluation one) const {
  std::vector<std::string> words{"evaluate"};
  auto add = [&](std::string const& name, std::string const& value) {
    words.push_back("--" + name);
    words.push_back(value);
  };
  bool const tokens = config_.behavior.set != std::vector<std::string>{"none"};
  add("model", checkpoint_of(folder_.run_dir(), one.step).string());
  add("data", config_.data.file);
  add("split", split_of(one));
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

ChildOutcome EvaluationChild::run_once(std::vector<std::string> const& words, std::filesystem::path const& log) const {
  ChildOutcome outcome;
  try {
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
  return outcome;
}

ChildOutcome EvaluationChild::run(Evaluation one, std::vector<std::string> const& more) const {
  std::vector<std::string> words = arguments(one);
  words.insert(words.end(), more.begin(), more.end());
  auto const log = file_of(one, process_tag() + ".log");
  ChildOutcome outcome = run_once(words, log);
  if (outcome.exit_code > 128 && !outcome.given_up) outcome = run_once(words, log);
  std::error_code ignored;
  if (outcome.exit_code == 0 || outcome.given_up) std::filesystem::remove(log, ignored);
  return outcome;
}

}  // namespace bsft
