#include "trainer/report/page/run_files.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>

#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft::page {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t pairs_shown = 10, most_lines = 20000, line_bytes = std::size_t{1} << 20,
                      results_bytes = std::size_t{16} << 20;
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

// The objects of a log, one after another, so that no log must fit into memory.
void each_line(fs::path const& file, std::function<bool(OrderedJson&&)> const& take) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (line.size() > line_bytes) continue;
    OrderedJson json = OrderedJson::parse(line, nullptr, false);
    if (json.is_object() && !take(std::move(json))) return;
  }
}

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

std::string word_at(OrderedJson const& line, char const* key) {
  auto const found = line.find(key);
  if (found == line.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>()
                            : found->dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

// Lines with a text are those of twins of which one was judged wrong.
void read_twins(RunFiles& run) {
  std::map<std::string, std::size_t> known;  // the pair's name -> its place, beyond the end where it is not shown
  each_line(run.folder / "predictions.jsonl", [&](OrderedJson&& line) {
    std::string const text = word_at(line, "text"), twin = word_at(line, "twin");
    if (text.empty() || twin.empty()) return true;
    std::string const pair = word_at(line, "task") + "\n" + word_at(line, "case") + "\n" + twin;
    auto const [at, fresh] = known.try_emplace(pair, run.twins.size());
    if (fresh) {
      ++run.wrong_twins;
      if (run.twins.size() < pairs_shown)
        run.twins.push_back({word_at(line, "task"), {}});
      else
        at->second = pairs_shown;
    }
    if (at->second < run.twins.size() && run.twins[at->second].records.size() < 2)
      run.twins[at->second].records.push_back(std::move(line));
    return known.size() < 100000;
  });
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

}  // namespace

RunFiles read_run(fs::path const& folder) {
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
  run.has_predictions = has("predictions.jsonl");
  read_twins(run);
  run.config = first_bytes(folder / "config.yaml", std::size_t{64} << 10);
  run.status = read_status(folder);
  std::string latest = first_bytes(folder / "LATEST", 100);
  latest.erase(std::min(latest.find_first_of("\r\n/"), latest.size()));
  if (latest.starts_with("step-"))
    run.manifest = json_of(folder / "checkpoints" / latest / "manifest.json", std::size_t{16} << 20);
  count_ranks(run);
  return run;
}

}  // namespace bsft::page
