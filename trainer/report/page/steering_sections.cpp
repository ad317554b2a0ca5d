// Whether the behaviour token steers, and whether its probability can be trusted.
#include <algorithm>
#include <array>

#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/curve_plot.hpp"
#include "trainer/report/plot/heat_map.hpp"

namespace bsft::page {
namespace {

constexpr std::array<char const*, 4> conditions{"self", "right", "wrong", "none"};
constexpr std::size_t most_behaviors = 24;

std::string grid(std::string const& plots) { return "<div class=\"plots\">\n" + plots + "</div>\n"; }

using Cell = std::pair<std::optional<double>, std::string>;

// Rows × the conditions that any row has a value for.
plot::HeatMap by_condition(std::string title, std::string note, std::string row_axis,
                           std::vector<std::string> const& rows, auto const& cell) {
  plot::HeatMap map{std::move(title), std::move(note), std::move(row_axis), "token", rows, {}, {}};
  map.cells.resize(rows.size());
  map.tips.resize(rows.size());
  for (char const* const condition : conditions) {
    std::vector<Cell> column;
    for (std::string const& row : rows) column.push_back(cell(row, condition));
    if (std::ranges::none_of(column, [](Cell const& one) { return one.first.has_value(); })) continue;
    map.columns.emplace_back(condition);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      map.cells[r].push_back(column[r].first);
      map.tips[r].push_back(column[r].second);
    }
  }
  return map;
}

std::string heat_maps(RunFiles const& run, std::string const& suite, Part const& steer) {
  std::vector<std::string> behaviors, groups{"all tasks"};
  for (char const* const condition : conditions) {
    for (auto const& [name, unused] : steer["conditions"][condition]["behaviors"].members()) {
      if (std::ranges::find(behaviors, name) == behaviors.end() && behaviors.size() < most_behaviors)
        behaviors.push_back(name);
    }
  }
  Part const scored = results_of(run)["conditions"];
  for (char const* const condition : conditions) {
    for (auto const& [name, unused] : scored[condition]["suites"][suite]["groups"].members()) {
      if (std::ranges::find(groups, name) == groups.end() && groups.size() < most_behaviors) groups.push_back(name);
    }
  }
  auto of_behavior = [&](std::string const& name, char const* condition) -> Cell {
    Part const one = steer["conditions"][condition]["behaviors"][name];
    return {one["macro_f1_tasks"].number(), "\naccuracy " + decimal(one["accuracy"].number()) + ", " +
                                                decimal(one["support"].number(), 0) + " records"};
  };
  auto of_group = [&](std::string const& name, char const* condition) -> Cell {
    Part const scores = scored[condition]["suites"][suite];
    Part const one = name == "all tasks" ? scores["overall"] : scores["groups"][name];
    auto const interval = one["ci95"].interval();
    return {one["macro_f1_tasks"].number(),
            interval ? "\n95 % interval " + decimal(interval->first) + " to " + decimal(interval->second) : ""};
  };
  return plot::draw(by_condition("Steerability by behaviour", "macro-F1 · suite " + suite, "gold behaviour", behaviors,
                                 of_behavior)) +
         plot::draw(by_condition("Steerability by task group", "macro-F1 · suite " + suite, "tasks", groups, of_group));
}

std::string rates_table(Part const& steer) {
  Table table(
      {{"measure"}, {"self", Align::right}, {"right", Align::right}, {"wrong", Align::right}, {"none", Align::right}});
  bool any = false;
  for (auto const& [name, key, digits] :
       {std::tuple{"over-intervention rate (clean twins)", "over_intervention_rate", 3},
        {"missed-need rate (planted twins)", "missed_need_rate", 3},
        {"twins both right", "pair_accuracy", 3},
        {"obedience to the token", "obedience", 3},
        {"leakage of the other behaviour", "leakage", 3},
        {"clean twins", "clean_twins", 0},
        {"planted twins", "planted", 0},
        {"twin pairs", "pairs", 0},
        {"records of obedience and leakage", "steerable", 0}}) {
    std::vector<std::string> cells{name};
    bool here = false;
    for (char const* const condition : conditions) {
      auto const value = steer["conditions"][condition][key].number();
      here = here || value;
      cells.push_back(decimal(value, digits));
    }
    if (here) table.add(cells);
    any = any || here;
  }
  return any ? scrolling(table.render(TableStyle::html)) : "";
}

std::string gain_line(std::string const& what, Part const& gain) {
  if (!gain) return "";
  std::string text = what + " " + decimal(gain["value"].number());
  if (auto const interval = gain["ci95"].interval())
    text += " (95 % interval " + decimal(interval->first) + " to " + decimal(interval->second) + ")";
  if (gain["distinguishable"]) text += gain["distinguishable"].flag() ? "" : ": not distinguishable from 0";
  return "<p class=\"verdict\">" + html_text(text + ".") + "</p>\n";
}

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

std::string steering_section(RunFiles const& run) {
  std::string body;
  for (auto const& [suite, scores] : scored_suites(run)) {
    Part const steer = results_of(run)["steer"][suite];
    body += gain_line("Suite " + suite + ": the right token gains over the wrong one",
                      steer["conditioning_gain"]["over_wrong"]);
    body += gain_line("Suite " + suite + ": the right token gains over none", steer["conditioning_gain"]["over_none"]);
    body +=
        gain_line("Suite " + suite + ": the model's own choice costs against the right token", steer["routing_regret"]);
    std::string const plots = heat_maps(run, suite, steer), rates = rates_table(steer);
    if (!plots.empty()) body += grid(plots);
    if (!rates.empty()) body += "<h4>" + html_text("Steering rates, suite " + suite) + "</h4>\n" + rates;
  }
  if (body.empty()) body = note("No condition has been scored yet.");
  return section("Does the token steer?",
                 "self: the model's own choice; right: the record's behaviour; wrong: another one; none: no token.",
                 body);
}

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
  std::string body = plots.empty() ? "" : grid(plots);
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
