#include "trainer/report/page/sweep_section.hpp"

#include <algorithm>
#include <map>

#include "trainer/report/plot/line_plot.hpp"
#include "trainer/report/plot/parallel_plot.hpp"

namespace bsft::page {
namespace {

constexpr std::size_t most_named = 8, most_lines = 400;

// The mean of its runs at each step that has one, within the lowest and the highest.
plot::Line curve_of(SweepArm const& arm) {
  std::map<double, std::vector<double>> values;
  for (plot::Points const& curve : arm.curves)
    for (auto const& [step, value] : curve) values[step].push_back(value);
  plot::Line line{arm.name, {}};
  for (auto const& [step, all] : values) {
    double sum = 0;
    for (double const value : all) sum += value;
    auto const [low, high] = std::minmax_element(all.begin(), all.end());
    line.points.emplace_back(step, sum / static_cast<double>(all.size()));
    line.low.emplace_back(step, *low);
    line.high.emplace_back(step, *high);
  }
  if (arm.curves.size() < 2) line.low = line.high = {};
  return line;
}

std::string curves_of(SweepPage const& sweep, std::vector<SweepArm const*> const& best_first) {
  plot::LinePlot plot{.title = "How the arms learned",
                      .note = sweep.metric + " on " + sweep.split + ", mean and range over seeds",
                      .x_name = "step",
                      .y_name = "metric",
                      .lines = {}};
  for (SweepArm const* arm : best_first) {
    if (plot.lines.size() < most_named)
      plot.lines.push_back(curve_of(*arm));
    else
      plot.others.push_back(curve_of(*arm).points);
  }
  if (!plot.others.empty())
    plot.note += "; the best " + std::to_string(most_named) + " have names, the others are grey";
  return plot::draw(plot);
}

// Keys of which the arms have several values; an arm without one has the base's.
std::string parallel_of(SweepPage const& sweep, std::vector<SweepArm const*> const& best_first) {
  plot::ParallelPlot plot{"Which values go with a good score",
                          "a line an arm, the darker the better: " + sweep.metric + " on " + sweep.split,
                          {},
                          sweep.split,
                          {}};
  std::vector<std::string> keys;
  auto const value_of = [](SweepArm const& arm, std::string const& key) {
    auto const found = std::ranges::find(arm.keys, key, &std::pair<std::string, std::string>::first);
    return found == arm.keys.end() ? std::string("–") : found->second;
  };
  for (SweepArm const* arm : best_first)
    for (auto const& [key, value] : arm->keys) {
      bool const known = std::ranges::find(keys, key) != keys.end();
      bool const varies =
          std::ranges::any_of(best_first, [&](SweepArm const* other) { return value_of(*other, key) != value; });
      if (!known && varies && keys.size() < 10) keys.push_back(key);
    }
  for (std::string const& key : keys) plot.axes.push_back(key.substr(key.rfind('.') + 1));
  for (SweepArm const* arm : best_first) {
    if (!arm->score || plot.lines.size() == most_lines) continue;
    plot::ParallelLine line{arm->name, {}, *arm->score};
    for (std::string const& key : keys) line.values.push_back(value_of(*arm, key));
    plot.lines.push_back(std::move(line));
  }
  return keys.empty() ? "" : plot::draw(plot);
}

}  // namespace

std::string sweep_section(SweepPage const& sweep) {
  std::vector<SweepArm const*> best_first;
  for (SweepArm const& arm : sweep.arms) best_first.push_back(&arm);
  std::ranges::stable_sort(best_first, [](SweepArm const* a, SweepArm const* b) { return b->score < a->score; });
  std::string const plots = curves_of(sweep, best_first) + parallel_of(sweep, best_first);
  std::string body;
  if (!sweep.best.empty()) body += "<p class=\"verdict\">" + html_text(sweep.best) + "</p>\n";
  if (!plots.empty()) body += "<div class=\"plots\">\n" + plots + "</div>\n";
  return section("All runs", sweep.counts, body + scrolling(sweep.runs.render(TableStyle::html)));
}

}  // namespace bsft::page
