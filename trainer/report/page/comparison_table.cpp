#include "trainer/report/page/comparison_table.hpp"

#include <algorithm>

#include "trainer/report/page/part.hpp"

namespace bsft::page {

Table comparison_table(OrderedJson const& json) {
  Part const comparison(json, "the comparison:");
  std::vector<Column> head{{"arm"}, {"runs", Align::right}, {"overall", Align::right}, {"of each seed"}};
  std::vector<std::string> groups;
  auto const arms = comparison["arms"].items();
  for (Part const& arm : arms) {
    for (auto const& [group, score] : arm["groups"].members()) {
      if (std::ranges::find(groups, group) == groups.end() && groups.size() < 12) groups.push_back(group);
    }
  }
  for (std::string const& group : groups) head.push_back({group, Align::right});
  Table table(std::move(head));
  auto cell = [](Part const& score) {
    auto const interval = score["ci95"].interval();
    return decimal(score["value"].number()) +
           (interval ? " ± " + decimal((interval->second - interval->first) / 2) : std::string());
  };
  for (Part const& arm : arms) {
    std::string seeds;
    for (Part const& seed : arm["overall"]["of_seeds"].items())
      seeds += (seeds.empty() ? "" : "  ") + decimal(seed.number());
    std::vector<std::string> cells{arm["name"].text(), std::to_string(arm["runs"].items().size()), cell(arm["overall"]),
                                   seeds};
    for (std::string const& group : groups) cells.push_back(cell(arm["groups"][group]));
    table.add(std::move(cells));
  }
  return table;
}

std::string p_text(std::optional<double> p) { return p && *p < 0.001 ? "< 0.001" : decimal(p); }

std::vector<std::string> comparison_verdicts(OrderedJson const& json) {
  std::vector<std::string> result;
  Part const comparison(json, "the comparison:");
  for (Part const& pair : comparison["pairs"].items()) {
    Part const overall = pair["overall"];
    std::string const a = pair["a"].text(), b = pair["b"].text();
    std::string const verdict = overall["verdict"].text();
    std::string text = a + " against " + b + ": " + verdict;
    if (auto const value = overall["value"].number()) {
      text += "; difference " + std::string(*value > 0 ? "+" : "") + decimal(value);
      if (auto const interval = overall["ci95"].interval())
        text += " (95 % interval " + decimal(interval->first) + " to " + decimal(interval->second) + ")";
    }
    if (auto const p = overall["p"].number())
      text += ", p " + std::string(*p < 0.001 ? "" : "= ") + p_text(p) + " (McNemar)";
    auto const only_a = overall["only_a"].number(), only_b = overall["only_b"].number();
    if (only_a && only_b)
      text += ", right only in one: " + decimal(only_a, 0) + " and " + decimal(only_b, 0) + " records";
    result.push_back(text + ".");
  }
  return result;
}

Table pairs_table(OrderedJson const& json) {
  Table table({{"arm"},
               {"against"},
               {"difference", Align::right},
               {"95 % interval", Align::right},
               {"p (McNemar)", Align::right},
               {"verdict"}});
  Part const comparison(json, "the comparison:");
  for (Part const& pair : comparison["pairs"].items()) {
    Part const overall = pair["overall"];
    auto const interval = overall["ci95"].interval();
    table.add({pair["a"].text(), pair["b"].text(), decimal(overall["value"].number()),
               interval ? decimal(interval->first) + " to " + decimal(interval->second) : "-",
               p_text(overall["p"].number()), overall["verdict"].text()});
  }
  return table;
}

bool reads_as_sentences(OrderedJson const& comparison) {
  constexpr std::size_t most = 6;  // of four arms
  return !comparison.is_object() || !comparison.contains("pairs") || comparison["pairs"].size() <= most;
}

std::string comparison_text(OrderedJson const& comparison, TableStyle style) {
  std::string text = comparison_table(comparison).render(style) + "\n";
  if (!reads_as_sentences(comparison)) return text + pairs_table(comparison).render(style);
  for (std::string const& verdict : comparison_verdicts(comparison)) text += verdict + "\n";
  return text;
}

}  // namespace bsft::page
