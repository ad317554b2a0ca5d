// What the model gets wrong: which labels it takes for which, and its worst errors under each behaviour.
#include <algorithm>
#include <cmath>

#include "trainer/report/page/sample.hpp"
#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/heat_map.hpp"
#include "trainer/report/plot/scale.hpp"

namespace bsft::page {
namespace {

constexpr char const* no_label = "(no label)";

std::string matrix(Confusion const& task) {
  std::vector<std::string> names = task.labels;
  bool const invalid = std::ranges::any_of(task.counts, [](auto const& cell) { return cell.first.second.empty(); });
  if (invalid) names.emplace_back(no_label);
  std::string const words = std::to_string(task.right) + " of " + std::to_string(task.records) + " records right";
  plot::HeatMap map{"Answers: " + task.task, words, "gold", "answer", names, names, {}};
  map.numbered = names.size() > 4;
  map.digits = 0;
  for (std::string const& label : names) {
    auto& row = map.cells.emplace_back(names.size());
    if (invalid && map.cells.size() == names.size()) break;  // no record has no label
    for (std::size_t a = 0; a < names.size(); ++a) {
      auto const found = task.counts.find({label, a < task.labels.size() ? task.labels[a] : ""});
      row[a] = found == task.counts.end() ? 0 : static_cast<double>(found->second);
      map.high = std::max(map.high, *row[a]);
    }
  }
  return plot::draw(map);
}

std::string matrices(std::vector<Confusion> const& tasks, std::size_t most_bytes) {
  std::string plots, left_out, undrawn;
  for (Confusion const& task : tasks) {
    std::string const plot = matrix(task);
    if (plots.size() + plot.size() > most_bytes) {
      undrawn += (undrawn.empty() ? "" : ", ") + task.task;
      continue;
    }
    plots += plot;
    if (task.beyond > 0)
      left_out += (left_out.empty() ? "" : ", ") + std::to_string(task.beyond) + " records of " + task.task;
  }
  std::string text = "<div class=\"plots\">\n" + plots + "</div>\n";
  if (!left_out.empty())
    text += note("More than " + std::to_string(Confusion::most_labels) + " labels: " + left_out + " are not drawn.");
  return folded(
      "Answers against gold labels, " + std::to_string(tasks.size()) + (tasks.size() == 1 ? " task" : " tasks"), text);
}

std::string nats_text(double nats) {
  if (std::isnan(nats)) return "-";
  return std::isinf(nats) ? (nats > 0 ? "∞" : "-∞") : decimal(nats, 2);
}

std::string verdicts_table(std::vector<Verdict> const& verdicts) {
  Table table({{"condition"}, {"behaviour"}, {"answer"}, {""}, {"nats above gold", Align::right}});
  for (Verdict const& one : verdicts)
    table.add({one.condition, one.behavior.empty() ? "-" : one.behavior, one.answer.empty() ? no_label : one.answer,
               one.right ? "✓" : "✗", nats_text(one.nats)});
  return scrolling(table.render(TableStyle::html));
}

}  // namespace

std::string errors_section(RunFiles const& run, Detail const& detail) {
  Predictions const& found = run.predictions;
  std::string const title = "What does it get wrong?";
  if (!found.exist)
    return section(title, "",
                   note("There is no predictions.jsonl: it is written with the results of the final split."));
  if (found.judged == 0) return section(title, "", note("predictions.jsonl holds no record with a label."));
  std::string const headline = headline_of(run);
  std::string body = matrices(found.tasks, 400 * detail.points);
  if (found.wrong > 0) body += "<h4>The worst errors</h4>\n";
  if (found.wrong > 0 && detail.samples == 0) body += note(samples_left_out);
  for (std::size_t e = 0; e < found.worst.size() && e < detail.samples; ++e) {
    JudgedError const& error = found.worst[e];
    Part const line(error.line, "predictions.jsonl:");
    body += folded(
        std::to_string(e + 1) + "  " + shortened(line["task"].text(), 120) + ": " + shortened(name_of(error.line), 80),
        sample(error.line, headline, verdicts_table(error.verdicts)));
  }
  return section(title,
                 std::to_string(found.wrong) + " of " + std::to_string(found.judged) + " records were judged wrong (" +
                     headline + "). The worst errors are those whose answer is the most nats above the right one.",
                 body);
}

}  // namespace bsft::page
