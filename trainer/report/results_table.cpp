#include "trainer/report/results_table.hpp"

#include "data/base/error.hpp"

namespace bsft {
namespace {

OrderedJson const* find(OrderedJson const& json, std::vector<std::string> const& path) {
  OrderedJson const* at = &json;
  for (auto const& key : path) {
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
  }
  return at;
}

std::string number(OrderedJson const* json, int digits = 3) {
  return json != nullptr && json->is_number() ? decimal(json->get<double>(), digits) : "-";
}

std::string interval(OrderedJson const* json) {
  if (json == nullptr || !json->is_array() || json->size() != 2) return "-";
  return number(&(*json)[0]) + " to " + number(&(*json)[1]);
}

// The scores of one suite under the conditions that a table has columns for.
struct Columns {
  OrderedJson const* before = nullptr;
  OrderedJson const* after = nullptr;
  std::vector<std::pair<std::string, OrderedJson const*>> others;  // conditions besides the headline
};

std::vector<std::string> row(std::string const& name, Columns const& columns, std::vector<std::string> const& part,
                             std::string const& key, std::string const& interval_key) {
  auto at = [&](OrderedJson const* scores, std::vector<std::string> const& more) -> OrderedJson const* {
    if (scores == nullptr) return nullptr;
    std::vector<std::string> path = part;
    path.insert(path.end(), more.begin(), more.end());
    return find(*scores, path);
  };
  std::vector<std::string> cells{name, number(at(columns.after, {"support"}), 0),
                                 number(at(columns.after, {"majority", key}))};
  if (columns.before != nullptr) cells.push_back(number(at(columns.before, {key})));
  cells.push_back(number(at(columns.after, {key})));
  cells.push_back(interval_key.empty() ? "" : interval(at(columns.after, {interval_key})));
  for (auto const& [_, scores] : columns.others) cells.push_back(number(at(scores, {key})));
  return cells;
}

Table suite_table(Columns const& columns, std::string const& headline) {
  std::vector<Column> head{{"task"}, {"records", Align::right}, {"majority", Align::right}};
  if (columns.before != nullptr) head.push_back({"before", Align::right});
  head.push_back({columns.before != nullptr ? "after" : headline, Align::right});
  head.push_back({"95 % interval", Align::right});
  for (auto const& [name, _] : columns.others) head.push_back({name, Align::right});
  Table table(std::move(head));
  std::string last_group;
  OrderedJson const& groups = columns.after->at("groups");
  for (auto const& [group, unused] : groups.items()) {
    for (auto const& [task, score] : columns.after->at("tasks").items()) {
      if (score.value("group", "") == group)
        table.add(row(group + " / " + task, columns, {"tasks", task}, "macro_f1_tasks", "ci95"));
    }
  }
  table.add_rule();
  for (auto const& [group, unused] : groups.items()) {
    table.add(row(group + ", mean over tasks", columns, {"groups", group}, "macro_f1_tasks", "ci95"));
    table.add(row(group + ", pooled", columns, {"groups", group}, "macro_f1_pooled", "ci95_pooled"));
  }
  table.add_rule();
  table.add(row("overall, mean over tasks", columns, {"overall"}, "macro_f1_tasks", "ci95"));
  table.add(row("overall, pooled", columns, {"overall"}, "macro_f1_pooled", "ci95_pooled"));
  table.add(row("overall, accuracy", columns, {"overall"}, "accuracy", ""));
  return table;
}

Table steer_table(OrderedJson const& results) {
  bool const compares = results.contains("before");
  std::vector<Column> head{{"suite"}, {"what"}, {compares ? "after" : "score", Align::right}};
  if (compares) head.insert(head.begin() + 2, {"before", Align::right});
  Table table(std::move(head));
  for (auto const& [suite, steer] : results.at("steer").items()) {
    OrderedJson const* before = find(results, {"before", "steer", suite});
    auto add = [&, &name = suite, &after = steer](std::string const& what, std::vector<std::string> const& path) {
      OrderedJson const* value = find(after, path);
      if (value == nullptr) return;
      std::vector<std::string> cells{name, what, number(value)};
      if (compares) cells.insert(cells.begin() + 2, before == nullptr ? "-" : number(find(*before, path)));
      table.add(std::move(cells));
    };
    add("behaviour selected, macro-F1", {"selection", "macro_f1"});
    add("behaviour selected, accuracy", {"selection", "accuracy"});
    for (char const* condition : {"self", "right", "wrong", "none"}) {
      add(std::string("over-intervention rate, ") + condition, {"conditions", condition, "over_intervention_rate"});
      add(std::string("missed-need rate, ") + condition, {"conditions", condition, "missed_need_rate"});
    }
  }
  return table;
}

}  // namespace

std::vector<TitledTable> results_tables(OrderedJson const& results) {
  std::vector<TitledTable> tables;
  try {
    if (!results.contains("suites")) return tables;
    std::string const headline = results.value("headline", "score");
    for (auto const& [suite, scores] : results["suites"].items()) {
      if (!scores.at("overall").is_object()) continue;
      Columns columns;
      columns.after = &scores;
      columns.before = find(results, {"before", "conditions", "none", "suites", suite});
      if (columns.before == nullptr) columns.before = find(results, {"before", "suites", suite});
      for (char const* condition : {"self", "right", "wrong", "none"}) {
        OrderedJson const* other = find(results, {"conditions", condition, "suites", suite});
        if (condition != headline && other != nullptr) columns.others.emplace_back(condition, other);
      }
      std::string title = "suite " + suite + ", " + results.value("split", "") + " split: macro-F1, behaviour ";
      title += headline == "self" ? "chosen by the model" : headline == "right" ? "given" : "without a token";
      tables.push_back({title, suite_table(columns, headline)});
    }
    if (results.contains("steer")) tables.push_back({"steering", steer_table(results)});
  } catch (nlohmann::json::exception const& error) {
    throw Broken("the results have another shape", error.what(), "make them with bsft evaluate or bsft train");
  }
  return tables;
}

std::string results_text(OrderedJson const& results, TableStyle style) {
  std::string text;
  for (TitledTable const& titled : results_tables(results)) {
    switch (style) {
      case TableStyle::terminal:
        text += titled.title + "\n\n";
        break;
      case TableStyle::markdown:
        text += "**" + titled.title + "**\n\n";
        break;
      case TableStyle::html:
        text += "<h3>" + html_text(titled.title) + "</h3>\n";
        break;
    }
    text += titled.table.render(style) + "\n";
  }
  return text;
}

}  // namespace bsft
