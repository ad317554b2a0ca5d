#include "trainer/report/report_page.hpp"

#include <optional>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "trainer/report/chart.hpp"
#include "trainer/report/results_table.hpp"

namespace bsft {
namespace {

constexpr char const* style = R"(<style>
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: left; } .number { text-align: right; }
thead { border-bottom: 2px solid #8888; } tbody + tbody { border-top: 1px solid #8888; } tbody tr:hover { background: #8881; }
svg { width: 100%; height: auto; font-size: 12px; } svg text { fill: currentColor; } .grid { stroke: #8885; }
pre { overflow-x: auto; background: #8881; padding: .8rem; font-size: 13px; } .note { opacity: .7; } .failed { color: #c0392b; }
</style>
)";

Series series_of(std::vector<Json> const& lines, std::string const& name, Json::json_pointer const& where) {
  Series series{name, {}};
  for (Json const& line : lines) {
    if (!line.contains("step") || !line["step"].is_number() || !line.contains(where) || !line.at(where).is_number())
      continue;
    series.points.emplace_back(line["step"].get<double>(), line.at(where).get<double>());
  }
  return series;
}

std::string note(std::string const& words) { return "<p class=\"note\">" + html_text(words) + "</p>\n"; }

std::string evaluation_section(std::filesystem::path const& run) {
  std::vector<Json> const lines = read_json_lines(run / "evaluations.jsonl");
  if (lines.empty()) return note("No checkpoint has been evaluated yet.");
  std::vector<Series> overall, tasks;
  std::vector<Json> scored;
  std::string failures;
  for (Json const& line : lines) {
    if (line.value("status", "") == "scored" && line.contains("suites")) scored.push_back(line);
    if (line.value("status", "") == "failed") {
      failures += "<p class=\"failed\">" +
                  html_text(line.value("checkpoint", "?") + " was not scored: " + line.value("error", "")) + "</p>\n";
    }
  }
  if (!scored.empty() && scored.back()["suites"].is_object()) {
    for (auto const& [suite, scores] : scored.back()["suites"].items()) {
      Json::json_pointer const base = Json::json_pointer("/suites") / suite;
      overall.push_back(series_of(scored, suite + ", mean over tasks", base / "overall" / "macro_f1_tasks"));
      overall.push_back(series_of(scored, suite + ", pooled", base / "overall" / "macro_f1_pooled"));
      if (!scores.contains("groups") || !scores["groups"].is_object()) continue;
      for (auto const& [group, unused] : scores["groups"].items()) {
        tasks.push_back(series_of(scored, suite + " / " + group, base / "groups" / group));
      }
    }
    for (Series& one : tasks) overall.push_back(std::move(one));
  }
  return "<h3>Macro-F1 of the checkpoints</h3>\n" + line_chart("macro-F1 over the steps", "step", overall) + failures;
}

std::string training_section(std::filesystem::path const& run) {
  std::vector<Json> const lines = read_json_lines(run / "metrics.jsonl");
  if (lines.empty()) return note("No step has been logged yet.");
  using Where = Json::json_pointer;
  std::string text = "<h3>Loss</h3>\n" + line_chart("loss over the steps", "step",
                                                    {series_of(lines, "loss", Where("/loss")),
                                                     series_of(lines, "behaviour token", Where("/behavior_loss"))});
  std::string const accuracy = line_chart("behaviour-token accuracy", "step",
                                          {series_of(lines, "behaviour-token accuracy", Where("/behavior_accuracy"))});
  if (!accuracy.empty()) text += "<h3>Behaviour token</h3>\n" + accuracy;
  text += "<h3>Learning rate</h3>\n" +
          line_chart("learning rate", "step", {series_of(lines, "learning rate", Where("/learning_rate"))});
  return text;
}

std::string run_section(std::filesystem::path const& run) {
  bool const any = std::filesystem::exists(run / "config.yaml") || std::filesystem::exists(run / "metrics.jsonl") ||
                   std::filesystem::exists(run / "results.json");
  if (!any)
    throw Invalid(Exit::usage, run.string() + " is not a run folder", "no config.yaml, metrics.jsonl or results.json",
                  "name a folder that bsft train wrote");
  std::string text = "<h2>" + html_text((run / "").parent_path().filename().string()) + "</h2>\n";
  std::string digests;
  if (std::filesystem::exists(run / "results.json")) {
    OrderedJson const results = parse_ordered_json(read_file(run / "results.json"), (run / "results.json").string());
    text += results_text(results, TableStyle::html);
    if (results.contains("missing") && results["missing"].is_array()) {
      for (auto const& one : results["missing"]) {
        if (one.is_string()) text += "<p class=\"failed\">missing: " + html_text(one.get<std::string>()) + "</p>\n";
      }
    }
    Table table({{"digest of"}, {"XXH3-128"}});
    for (char const* key : {"data_digest", "model_digest", "config_digest"}) {
      if (results.contains(key) && results[key].is_string())
        table.add({std::string(key).substr(0, std::string(key).find('_')), results[key].get<std::string>()});
    }
    digests = "<h3>Digests</h3>\n" + table.render(TableStyle::html);
  } else {
    text += note("There is no results.json yet.");
  }
  text += evaluation_section(run) + training_section(run) + digests;
  if (std::filesystem::exists(run / "config.yaml")) {
    std::string config;
    std::string const bytes = read_file(run / "config.yaml");
    for (std::size_t begin = 0; begin < bytes.size();) {
      std::size_t const end = std::min(bytes.find('\n', begin), bytes.size());
      config += html_text(bytes.substr(begin, end - begin)) + "\n";
      begin = end + 1;
    }
    text += "<details><summary>Configuration</summary>\n<pre>" + config + "</pre></details>\n";
  }
  return text;
}

}  // namespace

std::string report_html(std::vector<std::filesystem::path> const& runs) {
  std::string body;
  for (auto const& run : runs) body += run_section(run);
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
         "<title>BehaviorSFT report</title>\n" +
         std::string(style) + "</head>\n<body>\n<h1>BehaviorSFT report</h1>\n" + body + "</body>\n</html>\n";
}

void write_report(std::vector<std::filesystem::path> const& runs, std::filesystem::path const& out) {
  write_atomically(out, report_html(runs));
}

}  // namespace bsft
