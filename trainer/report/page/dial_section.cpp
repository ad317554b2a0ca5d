// What it costs to speak up, and whether the probability of a behaviour can be trusted.
#include <algorithm>

#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/curve_plot.hpp"
#include "trainer/report/plot/heat_map.hpp"

namespace bsft::page {
namespace {

constexpr std::size_t most_behaviors = 24;

std::string cost_curve(std::string const& suite, Part const& curve) {
  Part const operating = curve["operating_point"];
  plot::CurvePlot plot{"Cost of speaking up",    "behaviour " + curve["behavior"].text() + " · suite " + suite,
                       "over-intervention rate", "missed-need rate",
                       "as the threshold moves", {}};
  for (Part const& point : curve["points"].items()) {
    auto const values = point.items();
    if (values.size() != 3) continue;
    auto const threshold = values[0].number(), missed = values[1].number(), over = values[2].number();
    if (!missed || !over) continue;
    plot.points.push_back({*over, *missed, 0,
                           "threshold " + decimal(threshold) + "\nmissed need " + decimal(missed) +
                               "\nover-intervention " + decimal(over)});
  }
  if (plot.points.empty()) return "";
  auto const missed = operating["missed_need_rate"].number(), over = operating["over_intervention_rate"].number();
  if (missed && over) {
    plot.marked_name = "operating point " + decimal(operating["threshold"].number(), 2);
    plot.marked =
        plot::CurvePoint{*over, *missed, 0,
                         "threshold " + decimal(operating["threshold"].number()) + "\nmissed need " + decimal(missed) +
                             "\nover-intervention " + decimal(over) + "\ncost " + decimal(operating["cost"].number())};
    plot.note += " · a miss costs " + decimal(curve["missed_cost"].number(), 1) + ", a false alarm " +
                 decimal(curve["over_cost"].number(), 1);
  }
  return plot::draw(plot);
}

std::string reliability(std::string const& suite, Part const& selection) {
  auto const bins = selection["reliability"].items();
  plot::CurvePlot plot{"Reliability of the selection", "", "confidence in the behaviour", "right",
                       "bins of confidence",           {}};
  plot.note = "ECE " + decimal(selection["ece"].number()) + " · Brier " + decimal(selection["brier"].number()) +
              " · suite " + suite;
  plot.diagonal = "as confident as right";
  double most = 0;
  for (Part const& bin : bins) most = std::max(most, bin["count"].number().value_or(0));
  plot.bar_width = bins.empty() ? 0 : 1.0 / static_cast<double>(bins.size());
  for (std::size_t b = 0; b < bins.size(); ++b) {
    double const count = bins[b]["count"].number().value_or(0);
    auto const confidence = bins[b]["confidence"].number(), right = bins[b]["right"].number();
    if (count <= 0 || !confidence || !right) continue;
    std::string const tip =
        "confidence " + decimal(confidence) + "\nright " + decimal(right) + "\n" + decimal(count, 0) + " records";
    plot.points.push_back({*confidence, *right, count / most, tip});
    plot.bars.push_back({(static_cast<double>(b) + 0.5) * plot.bar_width, count / most, 0, tip});
  }
  return plot::draw(plot);
}

std::string confusion(std::string const& suite, Part const& table) {
  std::vector<std::string> names;
  auto learn = [&](std::string const& name) {
    if (std::ranges::find(names, name) == names.end() && names.size() < most_behaviors) names.push_back(name);
  };
  for (auto const& [gold, row] : table.members()) learn(gold);
  for (auto const& [gold, row] : table.members()) {
    for (auto const& [selected, count] : row.members()) learn(selected);
  }
  plot::HeatMap map{
      "Behaviour selected against gold", "records · suite " + suite, "gold", "selected", names, names, {}};
  map.numbered = names.size() > 4;
  map.digits = 0;
  for (std::string const& gold : names) {
    auto& row = map.cells.emplace_back();
    for (std::string const& selected : names) {
      row.push_back(table[gold][selected].number().value_or(0));
      map.high = std::max(map.high, *row.back());
    }
  }
  return plot::draw(map);
}

}  // namespace

std::string dial_section(RunFiles const& run) {
  std::string plots;
  std::vector<std::string> absent;
  for (auto const& [suite, scores] : scored_suites(run)) {
    Part const steer = results_of(run)["steer"][suite];
    std::string const cost = cost_curve(suite, steer["cost_curve"]), trust = reliability(suite, steer["selection"]);
    plots += cost + trust + confusion(suite, steer["selection"]["confusion"]);
    if (cost.empty()) absent.push_back("cost curve of suite " + suite);
    if (trust.empty()) absent.push_back("reliability of suite " + suite);
  }
  std::string body = plots.empty() ? "" : "<div class=\"plots\">\n" + plots + "</div>\n";
  if (!absent.empty()) {
    std::string line;
    for (std::string const& why : absent) line += (line.empty() ? "" : ", ") + why;
    body += note("Not in results.json: " + line + ".");
  }
  if (body.empty()) body = note("No results yet.");
  return section("Can the dial be trusted?",
                 "What it costs to speak up more often, and whether the model is as often right as it is sure.", body);
}

}  // namespace bsft::page
