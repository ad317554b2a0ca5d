// What the run was fed: the data file's certificate, as data.json keeps it (data/store/summary.hpp).
#include <algorithm>

#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/bar_plot.hpp"

namespace bsft::page {
namespace {

constexpr char const* splits[] = {"train", "dev", "test"};

std::string tasks_plot(Part const& data, std::string const& split) {
  plot::BarPlot plot{"Records: " + split, "by task and behaviour", "records", {}, {}};
  auto const tasks = data["tasks"].members();
  for (auto const& [task, behaviors] : tasks) {
    for (auto const& [behavior, unused] : behaviors.members())
      if (std::ranges::find(plot.layers, behavior) == plot.layers.end()) plot.layers.push_back(behavior);
  }
  for (auto const& [task, behaviors] : tasks) {
    plot::BarRow& row = plot.rows.emplace_back(plot::BarRow{task, {}});
    for (std::string const& behavior : plot.layers)
      row.parts.push_back(behaviors[behavior][split]["records"].number().value_or(0));
  }
  return plot::draw(plot);
}

std::string lengths_plot(Part const& data) {
  Part const lengths = data["lengths"];
  auto const bin = lengths["bin"].number();
  if (!bin) return "";
  plot::BarPlot plot{"Length of the records",
                     "no record is longer than " + decimal(data["max_length"].number(), 0) + " tokens",
                     "records",
                     {},
                     {}};
  for (char const* const split : splits) {
    auto const counts = lengths["splits"][split].items();
    plot.layers.emplace_back(split);
    for (std::size_t b = 0; b < counts.size(); ++b) {
      if (b == plot.rows.size())
        plot.rows.push_back({decimal(*bin * static_cast<double>(b) + 1, 0) + " to " +
                                 decimal(*bin * static_cast<double>(b + 1), 0) + (b == 0 ? " tokens" : ""),
                             {0, 0, 0}});
      plot.rows[b].parts[plot.layers.size() - 1] = counts[b].number().value_or(0);
    }
  }
  return plot::draw(plot);
}

struct Totals {
  double truncated = 0, left_out = 0;
};

Totals totals_of(Part const& data) {
  Totals totals;
  for (auto const& [task, behaviors] : data["tasks"].members()) {
    for (auto const& [behavior, in_splits] : behaviors.members()) {
      for (auto const& [split, cell] : in_splits.members()) {
        totals.truncated += cell["truncated"].number().value_or(0);
        totals.left_out += cell["left_out"].number().value_or(0);
      }
    }
  }
  return totals;
}

std::string cells_table(Part const& data) {
  Table table({{"task"},
               {"behaviour"},
               {"split"},
               {"records", Align::right},
               {"tokens", Align::right},
               {"shortest", Align::right},
               {"median", Align::right},
               {"longest", Align::right},
               {"truncated", Align::right},
               {"left out", Align::right}});
  for (auto const& [task, behaviors] : data["tasks"].members()) {
    for (auto const& [behavior, in_splits] : behaviors.members()) {
      for (auto const& [split, cell] : in_splits.members()) {
        std::vector<std::string> cells{task, behavior, split};
        for (char const* const key : {"records", "tokens", "shortest", "median", "longest", "truncated", "left_out"})
          cells.push_back(decimal(cell[key].number(), 0));
        table.add(std::move(cells));
      }
    }
  }
  return scrolling(table.render(TableStyle::html));
}

std::string counted(std::optional<double> number, char const* one, char const* many) {
  return decimal(number, 0) + " " + (number == 1 ? one : many);
}

// What should be zero and is not.
std::string alarms(RunFiles const& run, Part const& data, Totals const& totals) {
  std::string list;
  auto add = [&list](std::string const& line) { list += "<li>" + html_text(line) + "</li>\n"; };
  Part const leaks = data["in_two_splits"];
  if (!data["passed"].flag()) add("The audit of the data file did not pass.");
  for (auto const& [key, name] : {std::pair{"cases", "cases"}, {"twin_sets", "twin sets"}})
    if (auto const many = leaks[key].number(); many.value_or(0) > 0)
      add(decimal(many, 0) + " " + name + " lie in two splits: scores of the other splits are of what was seen.");
  if (totals.truncated > 0) add(decimal(totals.truncated, 0) + " records have a truncated answer.");
  std::string const digest = data["data_digest"].text(), scored = results_of(run)["data_digest"].text();
  if (!scored.empty() && scored != digest)
    add("The results are of other data (digest " + scored + ") than the training (" + digest + ").");
  return list.empty() ? "" : "<ul class=\"alarms\">\n" + list + "</ul>\n";
}

}  // namespace

std::string data_section(RunFiles const& run, Detail const& detail) {
  std::string const title = "What was it fed?";
  Part const data(run.data, "data.json:");
  if (!data) return section(title, "", note("There is no data.json: bsft train writes it when a run begins."));
  Totals const totals = totals_of(data);
  Part const leaks = data["in_two_splits"], training = data["training"];
  std::string lead = "The audit found " + counted(data["findings"].number(), "breach", "breaches") + "; " +
                     counted(leaks["cases"].number(), "case", "cases") + " and " +
                     counted(leaks["twin_sets"].number(), "twin set", "twin sets") + " lie in two splits. ";
  if (training)
    lead += "It is trained on " + counted(training["records"].number(), "record", "records") + "; " +
            decimal(training["overlong"].number(), 0) + " too long and " + decimal(training["damaged"].number(), 0) +
            " in damaged chunks are left out. ";
  lead += decimal(totals.left_out, 0) + " over-long ones are not in the file, " + decimal(totals.truncated, 0) +
          " are truncated.";
  std::string plots;
  for (char const* const split : splits) plots += tasks_plot(data, split);
  plots += lengths_plot(data);
  std::string const table = detail.numbers ? folded("All counts and lengths as a table", cells_table(data)) : "";
  return section(title, lead, alarms(run, data, totals) + "<div class=\"plots\">\n" + plots + "</div>\n" + table);
}

}  // namespace bsft::page
