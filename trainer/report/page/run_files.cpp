#include "trainer/report/page/run_files.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/report/page/json_lines.hpp"
#include "trainer/report/page/sections.hpp"

namespace bsft::page {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_lines = 20000, results_bytes = std::size_t{16} << 20;
constexpr std::array columns{"loss",
                             "behavior_loss",
                             "behavior_accuracy",
                             "behavior_entropy",
                             "response_loss",
                             "response_accuracy",
                             "end_loss",
                             "gradient_norm",
                             "learning_rate",
                             "tokens_per_second",
                             "seconds.data",
                             "seconds.forward",
                             "seconds.backward",
                             "seconds.reduce",
                             "seconds.optimizer",
                             "seconds.total"};

std::vector<OrderedJson> lines_of(fs::path const& file) {
  std::vector<OrderedJson> lines;
  each_line(file, [&](OrderedJson&& line) {
    lines.push_back(std::move(line));
    return lines.size() < most_lines;
  });
  return lines;
}

double number_at(OrderedJson const& line, std::string_view path) {
  OrderedJson const* at = &line;
  while (!path.empty()) {
    auto const dot = std::min(path.find('.'), path.size());
    auto const found = at->is_object() ? at->find(std::string(path.substr(0, dot))) : at->end();
    if (!at->is_object() || found == at->end()) return NAN;
    at = &*found;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at->is_number() ? at->get<double>() : NAN;
}

StepLog read_steps(fs::path const& file) {
  StepLog log;
  each_line(file, [&](OrderedJson&& line) {
    double const step = number_at(line, "step");
    if (!std::isfinite(step) || (!log.step.empty() && step <= log.step.back())) return true;
    log.step.push_back(step);
    for (char const* const name : columns) log.columns[name].push_back(number_at(line, name));
    return true;
  });
  return log;
}

std::string first_bytes(fs::path const& file, std::size_t most) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(most, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

OrderedJson json_of(fs::path const& file, std::size_t most) {
  OrderedJson json = OrderedJson::parse(first_bytes(file, most), nullptr, false);
  return json.is_discarded() ? OrderedJson() : json;
}

void count_ranks(RunFiles& run) {
  OrderedJson const ranks = json_of(run.folder / "ranks.json", std::size_t{16} << 20);
  if (!ranks.is_array()) return;
  for (auto const& rank : ranks) {
    if (!rank.is_object()) continue;
    (word_at(rank, "role") == "evaluator" ? run.evaluators : run.trainers) += 1;
  }
}

// The labels that the scored suites say each task has.
std::map<std::string, std::vector<std::string>> labels_of(RunFiles const& run) {
  std::map<std::string, std::vector<std::string>> labels;
  for (auto const& [suite, scores] : results_of(run)["suites"].members()) {
    for (auto const& [task, score] : scores["tasks"].members()) {
      if (!labels[task].empty()) continue;
      for (Part const& label : score["labels"].items()) labels[task].push_back(label.text());
    }
  }
  return labels;
}

}  // namespace

RunFiles read_run(fs::path const& folder, std::size_t samples) {
  auto has = [&](char const* name) { return fs::exists(folder / name); };
  if (!has("config.yaml") && !has("metrics.jsonl") && !has("results.json"))
    throw Invalid(Exit::usage, folder.string() + " is not a run folder",
                  "no config.yaml, metrics.jsonl or results.json", "name a folder that bsft train wrote");
  RunFiles run;
  run.folder = folder;
  run.name = fs::absolute(folder / "").lexically_normal().parent_path().filename().string();
  if (has("results.json"))
    run.results =
        parse_ordered_json(read_file(folder / "results.json", results_bytes), (folder / "results.json").string());
  run.evaluations = lines_of(folder / "evaluations.jsonl");
  run.events = lines_of(folder / "events.jsonl");
  run.steps = read_steps(folder / "metrics.jsonl");
  run.predictions = read_predictions(folder / "predictions.jsonl", headline_of(run), labels_of(run), samples);
  run.config = first_bytes(folder / "config.yaml", std::size_t{64} << 10);
  run.data = json_of(folder / "data.json", results_bytes);
  run.status = read_status(folder);
  std::string latest = first_bytes(folder / "LATEST", 100);
  latest.erase(std::min(latest.find_first_of("\r\n/"), latest.size()));
  if (latest.starts_with("step-"))
    run.manifest = json_of(folder / "checkpoints" / latest / "manifest.json", std::size_t{16} << 20);
  count_ranks(run);
  return run;
}

}  // namespace bsft::page
