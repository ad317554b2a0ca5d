// Several runs as arms: who is better, overall and task by task.
#include <algorithm>
#include <cmath>

#include "trainer/report/page/comparison_table.hpp"
#include "trainer/report/page/headline.hpp"
#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/dot_plot.hpp"
#include "trainer/report/plot/line_plot.hpp"

namespace bsft::page {
namespace {

constexpr std::size_t most_arms = 8;

plot::Dot dot_of(Part const& score) { return {score["value"].number(), score["ci95"].interval()}; }

plot::DotPlot plot_of(std::string title, std::string note, Part const& comparison) {
  plot::DotPlot plot{std::move(title), std::move(note), comparison["metric"].text(), {}, {}, {}};
  if (plot.x_name.empty() || plot.x_name.ends_with("macro_f1_tasks")) plot.x_name = "macro-F1, mean over tasks";
  plot.x_name = plot::fitting(plot.x_name, 340);
  for (Part const& arm : comparison["arms"].items()) {
    if (plot.arms.size() < most_arms) plot.arms.push_back(arm["name"].text());
  }
  return plot;
}

// Of `part` of every arm, a row a name: {name: {value, ci95}}.
void add_rows(plot::DotPlot& plot, Part const& comparison, char const* part) {
  auto const arms = comparison["arms"].items();
  if (arms.empty()) return;
  for (auto const& [name, unused] : arms.front()[part].members()) {
    plot::DotRow row{name, {}};
    for (std::size_t a = 0; a < arms.size() && a < most_arms; ++a) row.dots.push_back(dot_of(arms[a][part][name]));
    plot.rows.push_back(std::move(row));
  }
}

std::string pair_tables(Part const& comparison) {
  std::string text;
  std::size_t shown = 0;
  for (Part const& pair : comparison["pairs"].items()) {
    if (++shown > 15) break;
    Table table({{"part"},
                 {"difference", Align::right},
                 {"95 % interval", Align::right},
                 {"p after Holm", Align::right},
                 {"verdict"}});
    auto add = [&](std::string const& name, Part const& one) {
      auto const interval = one["ci95"].interval();
      table.add({name, decimal(one["value"].number()),
                 interval ? decimal(interval->first) + " to " + decimal(interval->second) : "-",
                 p_text(one["p_holm"].number()), one["verdict"].text()});
    };
    add("overall", pair["overall"]);
    for (auto const& [name, one] : pair["groups"].members()) add(name + " tasks", one);
    table.add_rule();
    for (auto const& [name, one] : pair["tasks"].members()) add(name, one);
    text += folded("a = " + pair["a"].text() + ", b = " + pair["b"].text(), scrolling(table.render(TableStyle::html)));
  }
  return text;
}

}  // namespace

std::string comparison_section(OrderedJson const& json) {
  Part const comparison(json, "the comparison:");
  if (!comparison) return "";
  std::string body;
  bool const sentences = reads_as_sentences(json);
  if (sentences) {
    for (std::string const& verdict : comparison_verdicts(json))
      body += "<p class=\"verdict\">" + html_text(verdict) + "</p>\n";
  }
  body += scrolling(comparison_table(json).render(TableStyle::html));
  if (!sentences) body += folded("Each arm against each", scrolling(pairs_table(json).render(TableStyle::html)));
  plot::DotPlot groups = plot_of("Overall and by group", "", comparison);
  plot::DotRow overall{"overall", {}};
  for (Part const& arm : comparison["arms"].items()) {
    if (overall.dots.size() < most_arms) overall.dots.push_back(dot_of(arm["overall"]));
  }
  groups.rows.push_back(std::move(overall));
  add_rows(groups, comparison, "groups");
  std::string plots = plot::draw(groups);
  plot::DotPlot tasks = plot_of("By task", "", comparison);
  add_rows(tasks, comparison, "tasks");
  constexpr std::size_t a_plot = 8;  // rows; more go into the next one
  for (std::size_t begin = 0; begin < tasks.rows.size(); begin += a_plot) {
    plot::DotPlot part = tasks;
    part.rows.assign(tasks.rows.begin() + static_cast<std::ptrdiff_t>(begin),
                     tasks.rows.begin() + static_cast<std::ptrdiff_t>(std::min(begin + a_plot, tasks.rows.size())));
    if (tasks.rows.size() > a_plot)
      part.note = std::to_string(begin + 1) + " to " + std::to_string(begin + part.rows.size()) + " of " +
                  std::to_string(tasks.rows.size());
    plots += plot::draw(part);
  }
  std::string lead = "Suite " + comparison["suite"].text() + ", " + comparison["split"].text() + " split, " +
                     decimal(comparison["records"].number(), 0) +
                     " records of which all arms have answers; 95 % intervals.";
  return section("Which arm is better?", lead,
                 body + "<div class=\"plots\">\n" + plots + "</div>\n" + pair_tables(comparison));
}

std::string runs_section(std::vector<RunFiles> const& runs, Detail const& detail) {
  plot::LinePlot loss{.title = "Loss", .note = "moving mean", .x_name = "step", .y_name = "nats a token", .lines = {}};
  plot::LinePlot metric{.title = "Metric of the checkpoints",
                        .note = "on the evaluation split",
                        .x_name = "step",
                        .y_name = "metric",
                        .lines = {}};
  for (RunFiles const& run : runs) {
    if (loss.lines.size() == most_arms) break;
    plot::Line& steps = loss.lines.emplace_back(plot::Line{run.name, {}});
    auto const values = run.steps.columns.find("loss");
    for (std::size_t i = 0; values != run.steps.columns.end() && i < run.steps.step.size(); ++i) {
      if (std::isfinite(values->second[i])) steps.points.emplace_back(run.steps.step[i], values->second[i]);
    }
    steps.points = plot::smoothed(steps.points, std::clamp<std::size_t>(steps.points.size() / 25, 3, 201));
    plot::Line& scored = metric.lines.emplace_back(plot::Line{run.name, {}});
    for (OrderedJson const& json : run.evaluations) {
      Part const line(json, (run.folder / "evaluations.jsonl").string() + ":");
      auto const step = line["step"].number(), value = line["metric"].number();
      if (step && value) scored.points.emplace_back(*step, *value);
    }
  }
  std::string plots;
  for (plot::LinePlot* const one : {&metric, &loss}) {
    one->points = detail.points;
    one->columns = detail.columns;
    one->from_zero = true;
    plots += plot::draw(*one);
  }
  if (runs.size() > most_arms) plots += note("The plots show the first " + std::to_string(most_arms) + " runs.");
  return section(
      "All runs", "Macro-F1 as the mean over tasks, ± half the 95 % interval.",
      scrolling(headline_table(runs).render(TableStyle::html)) + "<div class=\"plots\">\n" + plots + "</div>\n");
}

}  // namespace bsft::page
