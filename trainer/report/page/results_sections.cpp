// What came out: the headline, task by task, and over the checkpoints.
#include <algorithm>

#include "trainer/report/page/headline.hpp"
#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/dot_plot.hpp"
#include "trainer/report/plot/line_plot.hpp"
#include "trainer/report/results_table.hpp"

namespace bsft::page {
namespace {

constexpr std::size_t most_table_bytes = 200000;

std::string tile(std::string_view name, std::string const& value, std::string const& under) {
  return "<div class=\"tile\"><span>" + html_text(name) + "</span><b>" + html_text(value) + "</b><small>" +
         html_text(under) + "</small></div>\n";
}

std::string tiles(RunFiles const& run) {
  auto const [suite, scores] = scored_suites(run).front();
  Part const overall = scores["overall"], results = results_of(run);
  auto const interval = overall["ci95"].interval();
  std::string text = tile("macro-F1, suite " + suite, decimal(overall["macro_f1_tasks"].number()),
                          interval ? decimal(interval->first) + " to " + decimal(interval->second) : "no interval");
  if (Part const before = before_of(run, suite)["overall"]; before)
    text += tile("before training", decimal(before["macro_f1_tasks"].number()), "no behaviour token");
  text += tile("most frequent label", decimal(overall["majority"]["macro_f1_tasks"].number()), "the naive guess");
  Part const steer = results["steer"][suite];
  if (auto const selected = steer["selection"]["macro_f1"].number())
    text += tile("behaviour selected", decimal(selected), "macro-F1 of the choice");
  if (Part const gain = steer["conditioning_gain"]["over_wrong"]; gain)
    text += tile("gain of the right token", decimal(gain["value"].number()), "over the wrong one");
  return "<div class=\"tiles\">\n" + text + "</div>\n";
}

plot::Dot dot_of(Part const& score) { return {score["macro_f1_tasks"].number(), score["ci95"].interval()}; }

std::string suite_tasks(RunFiles const& run, std::string const& suite, Part const& scores) {
  Part const before = before_of(run, suite);
  std::string plots;
  for (auto const& [group, group_score] : scores["groups"].members()) {
    plot::DotPlot plot{group + " tasks",
                       "mean " + decimal(group_score["macro_f1_tasks"].number()) + " · suite " + suite,
                       "macro-F1",
                       {},
                       {"most frequent label"},
                       {}};
    plot.arms = before ? std::vector<std::string>{"before", "after"} : std::vector<std::string>{"score"};
    bool token_only = false;
    for (auto const& [task, score] : scores["tasks"].members()) {
      if (score["group"].text() != group) continue;
      bool const constant = score["constant_prediction"].flag();
      plot::DotRow row{
          task + (constant ? " · always one label" : ""), {}, {score["majority"]["macro_f1_tasks"].number()}};
      row.alarm = constant;
      if (before) row.dots.push_back(dot_of(before["tasks"][task]));
      row.dots.push_back(dot_of(score));
      row.references.push_back(score["token_only"]["macro_f1_tasks"].number());
      token_only = token_only || row.references.back();
      plot.rows.push_back(std::move(row));
    }
    if (token_only) plot.references.push_back("token only");
    plots += plot::draw(plot);
  }
  return plots;
}

}  // namespace

std::string headline_section(RunFiles const& run) {
  auto const suites = scored_suites(run);
  std::string alarms;
  for (std::string const& warning : warnings(run)) alarms += "<li>" + html_text(warning) + "</li>\n";
  if (!alarms.empty()) alarms = "<ul class=\"alarms\">\n" + alarms + "</ul>\n";
  if (suites.empty()) {
    char const* const why = run.results.is_null()
                                ? "There is no results.json yet: it is written at the end of training."
                                : "results.json holds no scored suite.";
    return section("Did it work?", "", note(why) + alarms);
  }
  std::string body;
  for (std::string const& verdict : verdicts(run)) body += "<p class=\"verdict\">" + html_text(verdict) + "</p>\n";
  Part const results = results_of(run);
  std::string const mode = results["mode"].text(), condition = results["headline"].text();
  std::string lead = results["split"].text() + " split, " + decimal(results["records"].number(), 0) + " records";
  lead += condition == "self"    ? ", the model chooses its behaviour"
          : condition == "right" ? ", the behaviour is given"
          : condition == "none"  ? ", without a behaviour token"
                                 : "";
  if (!mode.empty()) lead += mode == "generation" ? ", scored by generation" : ", scored by label likelihood";
  return section("Did it work?", lead + ".",
                 body + alarms + tiles(run) + scrolling(headline_table({run}).render(TableStyle::html)));
}

std::string tasks_section(RunFiles const& run) {
  auto const suites = scored_suites(run);
  if (suites.empty()) return "";
  std::string plots;
  for (auto const& [suite, scores] : suites) plots += suite_tasks(run, suite, scores);
  std::string tables;
  for (TitledTable const& titled : results_tables(run.results))
    tables += "<h4>" + html_text(titled.title) + "</h4>\n" + scrolling(titled.table.render(TableStyle::html));
  if (tables.size() > most_table_bytes) tables = note("The tables are too long for a page: see results.json.");
  return section("Where?", "Macro-F1 of each task with its 95 % interval, before and after training.",
                 "<div class=\"plots\">\n" + plots + "</div>\n" + folded("All numbers as tables", tables));
}

std::string checkpoints_section(RunFiles const& run, Detail const& detail) {
  std::map<std::string, std::vector<plot::Line>> suites;  // the first line of each is the mean over its tasks
  std::vector<std::string> order;
  std::string failures;
  auto at = [](std::vector<plot::Line>& lines, std::string const& name) -> plot::Points& {
    auto const found = std::ranges::find(lines, name, &plot::Line::name);
    return found != lines.end() ? found->points : lines.emplace_back(plot::Line{name, {}}).points;
  };
  std::vector<plot::Line> steering;
  std::optional<std::pair<double, double>> best;
  std::size_t number = 0;
  for (OrderedJson const& json : run.evaluations) {
    Part const line(json, "evaluations.jsonl, object " + std::to_string(++number) + ":");
    auto const step = line["step"].number();
    std::string const status = line["status"].text();
    if (status == "failed" && failures.size() < 5000)
      failures +=
          "<li>" + html_text(line["checkpoint"].text() + " was not scored: " + line["error"].text()) + "</li>\n";
    if (status != "scored" || !step) continue;
    if (auto const metric = line["metric"].number(); metric && (!best || *metric > best->second))
      best = {*step, *metric};
    for (auto const& [suite, scores] : line["suites"].members()) {
      auto const mean = scores["overall"]["macro_f1_tasks"].number();
      if (!mean || (!suites.contains(suite) && suites.size() >= 6)) continue;
      if (!suites.contains(suite)) order.push_back(suite);
      auto& lines = suites[suite];
      at(lines, "mean over all tasks").emplace_back(*step, *mean);
      for (auto const& [group, score] : scores["groups"].members()) {
        if (auto const value = score.number(); value && lines.size() < 9)
          at(lines, group + " tasks").emplace_back(*step, *value);
      }
      if (suite != order.front()) continue;
      Part const steer = line["steer"][suite];
      auto add = [&](char const* name, Part const& value) {
        if (auto const one = value.number()) at(steering, name).emplace_back(*step, *one);
      };
      add("behaviour selected, macro-F1", steer["selection"]["macro_f1"]);
      add("over-intervention", steer["conditions"]["self"]["over_intervention_rate"]);
      add("missed need", steer["conditions"]["self"]["missed_need_rate"]);
    }
  }
  if (!failures.empty()) failures = "<ul class=\"alarms\">\n" + failures + "</ul>\n";
  if (order.empty()) return section("When?", "", note("No checkpoint has been evaluated yet.") + failures);
  std::vector<plot::Mark> marks;
  if (best)
    marks.push_back(
        {best->first, "best", "best so far: step " + plot::short_number(best->first) + ", " + decimal(best->second)});
  std::string plots;
  for (std::string const& suite : order)
    plots += plot::draw(plot::LinePlot{.title = "Macro-F1 over the checkpoints",
                                       .note = "suite " + suite,
                                       .x_name = "step",
                                       .y_name = "macro-F1",
                                       .lines = suites[suite],
                                       .marks = marks,
                                       .points = detail.points,
                                       .columns = detail.columns,
                                       .from_zero = true});
  plots += plot::draw(plot::LinePlot{.title = "Steering over the checkpoints",
                                     .note = "suite " + order.front() + ", behaviour chosen by the model",
                                     .x_name = "step",
                                     .y_name = "rate",
                                     .lines = steering,
                                     .marks = marks,
                                     .points = detail.points,
                                     .columns = detail.columns,
                                     .from_zero = true});
  return section("When?", "Each checkpoint on the evaluation split. The flag is the best one.",
                 "<div class=\"plots\">\n" + plots + "</div>\n" + failures);
}

}  // namespace bsft::page
