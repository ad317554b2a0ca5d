#include "trainer/report/page/headline.hpp"

#include <algorithm>

#include "data/base/terminal.hpp"
#include "trainer/report/page/comparison_table.hpp"
#include "trainer/report/page/sections.hpp"

namespace bsft::page {
namespace {

std::string range_text(std::optional<std::pair<double, double>> const& interval) {
  return interval ? decimal(interval->first) + " to " + decimal(interval->second) : "-";
}

// What Markdown would read as its own signs is escaped.
std::string markdown_words(std::string const& words) {
  std::string result;
  for (char const c : printable(words, Newlines::escape)) {
    if (std::string_view("\\`*_[]<>#|").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

// "0.812 ± 0.030"
std::string with_half(Part const& score) {
  auto const value = score["macro_f1_tasks"].number();
  auto const interval = score["ci95"].interval();
  return decimal(value) + (interval ? " ± " + decimal((interval->second - interval->first) / 2) : "");
}

std::string verdict_of(RunFiles const& run, std::string const& suite, Part const& scores) {
  Part const overall = scores["overall"];
  auto const value = overall["macro_f1_tasks"].number();
  auto const interval = overall["ci95"].interval();
  auto const guess = overall["majority"]["macro_f1_tasks"].number();
  auto const before = before_of(run, suite)["overall"]["macro_f1_tasks"].number();
  std::string text = "Suite " + suite + ": macro-F1 " + decimal(value);
  if (interval) text += " (95 % interval " + range_text(interval) + ")";
  std::vector<std::string> above, within, below;
  auto place_of = [&](std::optional<double> other, std::string const& name) {
    if (!other || !value) return;
    std::string const words = name + " (" + decimal(other) + ")";
    bool const inside = interval ? *other >= interval->first && *other <= interval->second : *other == *value;
    (inside ? within : *value > *other ? above : below).push_back(words);
  };
  place_of(before, "the untouched model");
  place_of(guess, "the most frequent label");
  place_of(overall["token_only"]["macro_f1_tasks"].number(), "the label that the behaviour alone suggests");
  auto add = [&text](char const* how, std::vector<std::string> const& names) {
    for (std::size_t i = 0; i < names.size(); ++i)
      text += (i == 0 ? how : i + 1 < names.size() ? ", " : " and ") + names[i];
  };
  add(", above ", above);
  add(", below ", below);
  add(", not distinguishable from ", within);
  return text + ".";
}

}  // namespace

std::vector<std::string> verdicts(RunFiles const& run) {
  std::vector<std::string> result;
  for (auto const& [suite, scores] : scored_suites(run)) result.push_back(verdict_of(run, suite, scores));
  return result;
}

std::vector<std::string> warnings(RunFiles const& run) {
  std::vector<std::string> result;
  Part const results = results_of(run);
  for (Part const& alarm : results["alarms"].items()) result.push_back(alarm.text());
  for (Part const& missing : results["missing"].items()) result.push_back("missing: " + missing.text());
  for (auto const& [name, why] : results["excluded"].members()) result.push_back(name + " is excluded: " + why.text());
  for (auto const& [name, why] : results["unavailable"].members())
    result.push_back("condition " + name + " is not scored: " + why.text());
  if (Part const left = results["left_out"]; left)
    result.push_back(decimal(left["records"].number(), 0) + " records are left out: " +
                     decimal(left["damaged_chunks"].number(), 0) + " chunks of the data file are damaged");
  if (run.status && run.status->state == "failed")
    result.push_back("the run failed with exit code " + std::to_string(run.status->exit_code) + ": " +
                     shortened(run.status->message, 500));
  return result;
}

namespace {

Table table_of_run(RunFiles const& run) {
  bool token_only = false, before = false;
  for (auto const& [suite, scores] : scored_suites(run)) {
    token_only = token_only || scores["overall"]["token_only"];
    before = before || before_of(run, suite);
  }
  std::vector<Column> head{{"suite"}, {"part"}};
  if (before) head.push_back({"before", Align::right});
  head.push_back({before ? "after" : "macro-F1", Align::right});
  head.push_back({"95 % interval", Align::right});
  head.push_back({"most frequent", Align::right});
  if (token_only) head.push_back({"token only", Align::right});
  head.push_back({"records", Align::right});
  Table table(std::move(head));
  bool first = true;
  for (auto const& [suite, scores] : scored_suites(run)) {
    if (!first) table.add_rule();
    first = false;
    Part const earlier = before_of(run, suite);
    auto add = [&, &name = suite](std::string const& part, Part const& score, Part const& old, std::string const& key,
                                  std::string const& interval) {
      std::vector<std::string> cells{name, part};
      if (before) cells.push_back(decimal(old[key].number()));
      cells.push_back(decimal(score[key].number()));
      cells.push_back(interval.empty() ? "" : range_text(score[interval].interval()));
      cells.push_back(decimal(score["majority"][key].number()));
      if (token_only) cells.push_back(decimal(score["token_only"][key].number()));
      cells.push_back(decimal(score["support"].number(), 0));
      table.add(std::move(cells));
    };
    add("overall, mean over tasks", scores["overall"], earlier["overall"], "macro_f1_tasks", "ci95");
    add("overall, pooled", scores["overall"], earlier["overall"], "macro_f1_pooled", "ci95_pooled");
    add("overall, accuracy", scores["overall"], earlier["overall"], "accuracy", "");
    for (auto const& [group, score] : scores["groups"].members())
      add(group + " tasks", score, earlier["groups"][group], "macro_f1_tasks", "ci95");
  }
  return table;
}

}  // namespace

Table headline_table(std::vector<RunFiles> const& runs) {
  if (runs.size() == 1) return table_of_run(runs.front());
  std::vector<std::string> groups;
  for (RunFiles const& run : runs) {
    for (auto const& [suite, scores] : scored_suites(run)) {
      for (auto const& [group, score] : scores["groups"].members()) {
        if (std::ranges::find(groups, group) == groups.end() && groups.size() < 12) groups.push_back(group);
      }
    }
  }
  std::vector<Column> head{{"run"}, {"suite"}, {"records", Align::right}, {"overall", Align::right}};
  for (std::string const& group : groups) head.push_back({group, Align::right});
  Table table(std::move(head));
  for (RunFiles const& run : runs) {
    auto const suites = scored_suites(run);
    if (suites.empty()) table.add({run.name, "no results yet"});
    for (auto const& [suite, scores] : suites) {
      std::vector<std::string> cells{run.name, suite, decimal(scores["overall"]["support"].number(), 0),
                                     with_half(scores["overall"])};
      for (std::string const& group : groups) cells.push_back(with_half(scores["groups"][group]));
      table.add(std::move(cells));
    }
  }
  return table;
}

std::string headline_text(std::vector<RunFiles> const& runs, OrderedJson const& comparison, TableStyle style) {
  std::string text;
  bool const markdown = style == TableStyle::markdown;
  auto words_of = [&](std::string const& words) {
    return markdown ? markdown_words(words) : printable(words, Newlines::escape);
  };
  auto title = [&](std::string const& words) {
    return (markdown ? "**" + words_of(words) + "**" : words_of(words)) + "\n\n";
  };
  auto point = [&](std::string const& words) { return (markdown ? "- " : "") + words_of(words) + "\n"; };
  if (runs.size() == 1) {
    text += title("run " + runs.front().name);
    if (results_of(runs.front()) && !verdicts(runs.front()).empty())
      text += headline_table(runs).render(style) + "\n";
    else
      text += "There are no results yet.\n";
  } else {
    text += title(std::to_string(runs.size()) + " runs, macro-F1 as the mean over tasks") +
            headline_table(runs).render(style) + "\n";
  }
  if (!comparison.is_null()) {
    text += title("compared") + comparison_table(comparison).render(style) + "\n";
    if (reads_as_sentences(comparison)) {
      for (std::string const& verdict : comparison_verdicts(comparison)) text += point(verdict);
    } else {
      text += pairs_table(comparison).render(style);
    }
    text += "\n";
  }
  for (RunFiles const& run : runs) {
    std::string const of = runs.size() > 1 ? run.name + ": " : "";
    for (std::string const& verdict : verdicts(run)) text += point(of + verdict);
    for (std::string const& warning : warnings(run)) text += point(of + "note: " + warning);
  }
  return text;
}

}  // namespace bsft::page
