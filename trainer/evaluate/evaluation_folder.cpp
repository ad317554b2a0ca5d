#include "trainer/evaluate/evaluation_folder.hpp"

#include <sys/stat.h>

#include <sstream>
#include <string_view>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view again = "again\n";

int rank_of(std::string const& status) {
  return status == "scored" ? 3 : status == "same" ? 2 : status == "failed" ? 1 : 0;
}

// As write_atomically, where writers of several hosts may have the same process number.
void write_shared(fs::path const& file, std::string const& text) {
  fs::path const mine = file.string() + "." + process_tag();
  write_atomically(mine, text);
  std::error_code error;
  fs::rename(mine, file, error);
  if (error) throw Failed(Exit::io, "cannot rename to " + file.string(), error.message());
}

std::string text_of(fs::path const& file) {
  try {
    return read_file(file);
  } catch (Error const&) {
    return "";
  }
}

std::optional<double> metric_of(Json const& row) {
  std::string const status = row.value("status", "");
  if ((status != "scored" && status != "same") || !row.contains("metric") || !row["metric"].is_number())
    return std::nullopt;
  return row["metric"].get<double>();
}

}  // namespace

EvaluationFolder::EvaluationFolder(fs::path run_dir) : run_dir_(std::move(run_dir)) {}

void EvaluationFolder::prepare() const {
  fs::create_directories(lease_of(run_dir_, 0).parent_path());
  fs::create_directories(work() / "rows");
}

void EvaluationFolder::tidy() const {
  std::error_code ignored;
  fs::remove_all(work(), ignored);
  fs::remove(lease_of(run_dir_, 0).parent_path(), ignored);  // where it is empty
}

std::map<std::int64_t, EvaluationFolder::Row> EvaluationFolder::read_rows() const {
  std::map<std::int64_t, Row> rows;
  auto const take = [&rows](std::string const& line) {
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) return;  // torn
    std::int64_t const step = json["step"].get<std::int64_t>();
    auto const there = rows.find(step);
    bool const worse = there != rows.end() &&
                       there->second.json.value("model_digest", "") == json.value("model_digest", "") &&
                       rank_of(there->second.json.value("status", "")) > rank_of(json.value("status", ""));
    if (!worse) rows[step] = {line, std::move(json)};
  };
  std::istringstream lines(text_of(run_dir_ / "evaluations.jsonl"));
  for (std::string line; std::getline(lines, line);) take(line);
  std::error_code error;
  for (fs::directory_iterator entry(work() / "rows", error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".json") continue;
    std::string text = text_of(entry->path());
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_object() || !text.ends_with('\n')) continue;
    text.pop_back();
    std::int64_t const step = json.value("step", std::int64_t{-1});
    rows[step] = {std::move(text), std::move(json)};
  }
  return rows;
}

std::map<std::int64_t, Json> EvaluationFolder::rows() const {
  std::map<std::int64_t, Json> result;
  for (auto& [step, row] : read_rows()) result[step] = row.json;
  return result;
}

OrderedJson EvaluationFolder::row_of(std::int64_t step, std::string const& split, std::string const& status) {
  return {{"step", step}, {"checkpoint", step_name(step)}, {"split", split}, {"status", status}};
}

void EvaluationFolder::add(OrderedJson const& row) const {
  prepare();
  std::int64_t const step = row.at("step").get<std::int64_t>();
  auto const rows = read_rows();
  auto const there = rows.find(step);
  auto const word = [](auto const& json, char const* key) { return json.value(key, std::string()); };
  bool const stays =
      there != rows.end() &&
      (word(there->second.json, "model_digest") == word(row, "model_digest") || word(row, "model_digest").empty()) &&
      rank_of(word(there->second.json, "status")) >= rank_of(word(row, "status"));
  if (!stays) {
    std::string const text = row.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    write_shared(work() / "rows" / (step_name(step) + ".json"), text + "\n");
  }
  write_rows();
}

// Changes with every row.
std::string EvaluationFolder::listing() const {
  std::map<std::string, std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(work() / "rows", error), end; !error && entry != end; entry.increment(error)) {
    struct stat facts {};
    if (entry->path().extension() != ".json" || ::stat(entry->path().c_str(), &facts) != 0) continue;
    files[entry->path().filename().string()] = std::to_string(facts.st_ino) + " " +
                                               std::to_string(facts.st_mtim.tv_sec) + " " +
                                               std::to_string(facts.st_mtim.tv_nsec);
  }
  std::string text;
  for (auto const& [name, facts] : files) text += name + " " + facts + "\n";
  return text;
}

void EvaluationFolder::write_rows() const {
  for (;;) {
    std::string const before = listing();
    std::map<std::int64_t, Row> const rows = read_rows();
    std::string text;
    for (auto const& [step, row] : rows) text += row.text + "\n";
    if (text != text_of(run_dir_ / "evaluations.jsonl")) write_shared(run_dir_ / "evaluations.jsonl", text);
    name_best(rows);
    if (listing() == before) return;
  }
}

void EvaluationFolder::name_best(std::map<std::int64_t, Row> const& rows) const {
  std::optional<double> best;
  std::string name;
  for (auto const& [step, row] : rows) {
    auto const metric = metric_of(row.json);
    if (!metric || (best && *metric <= *best) || !fs::exists(checkpoint_of(run_dir_, step))) continue;
    best = metric;
    name = step_name(step) + "\n";
  }
  if (best && text_of(run_dir_ / "BEST") != name) write_shared(run_dir_ / "BEST", name);
}

void EvaluationFolder::lease(std::int64_t step, bool anew) const {
  prepare();
  write_shared(lease_of(run_dir_, step), std::string(anew ? again : ""));
}

void EvaluationFolder::release(std::int64_t step) const {
  std::error_code ignored;
  fs::remove(lease_of(run_dir_, step), ignored);
}

std::vector<std::int64_t> EvaluationFolder::waiting() const {
  std::vector<std::int64_t> steps;
  for (std::int64_t const step : published_steps(run_dir_)) {
    if (fs::exists(lease_of(run_dir_, step))) steps.push_back(step);
  }
  if (steps.empty()) return steps;
  auto const rows = read_rows();
  std::erase_if(steps,
                [&](std::int64_t step) { return rows.count(step) > 0 && text_of(lease_of(run_dir_, step)) != again; });
  return steps;
}

void EvaluationFolder::enter(EvaluationPhase const& phase) const {
  prepare();
  OrderedJson json = {{"owner", phase.owner}, {"phase", phase.phase}, {"last_step", phase.last_step}};
  if (phase.phase == "closed") {
    json["exit_code"] = phase.exit_code;
    json["message"] = phase.message;
  }
  write_shared(work() / "phase.json", json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

EvaluationPhase EvaluationFolder::phase() const {
  EvaluationPhase phase;
  Json const json = Json::parse(text_of(work() / "phase.json"), nullptr, false);
  if (!json.is_object()) return phase;
  phase.owner = json.value("owner", std::int64_t{0});
  phase.phase = json.value("phase", "open");
  phase.last_step = json.value("last_step", std::int64_t{0});
  phase.exit_code = json.value("exit_code", 0);
  phase.message = json.value("message", "");
  return phase;
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

bool patience_ran_out(std::map<std::int64_t, Json> const& rows, std::int64_t patience) {
  std::optional<double> best;
  std::int64_t since = 0;
  for (auto const& [step, row] : rows) {
    auto const metric = metric_of(row);
    if (!metric) continue;
    bool const better = !best || *metric > *best;
    since = better ? 0 : since + 1;
    if (better) best = metric;
  }
  return patience > 0 && since >= patience;
}

}  // namespace bsft
