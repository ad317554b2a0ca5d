// Whether the behaviour token steers.
#include <algorithm>
#include <array>

#include "trainer/report/page/sections.hpp"
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

}  // namespace bsft::page
