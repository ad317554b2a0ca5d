// Whether training is healthy, and where its time goes.
#include <algorithm>
#include <cmath>
#include <set>

#include "trainer/report/page/sections.hpp"
#include "trainer/report/plot/area_plot.hpp"
#include "trainer/report/plot/line_plot.hpp"

namespace bsft::page {
namespace {

std::string event_words(Part const& event, std::string const& kind) {
  auto number = [&](char const* key, int digits = 0) { return decimal(event[key].number(), digits); };
  std::string const step = " at step " + number("step");
  if (kind == "resumed") return "resumed" + step + ", " + number("trainers") + " trainers";
  if (kind == "restart") return "restart " + number("restart") + step + ": " + event["message"].text();
  if (kind == "straggler") return "slow rank " + number("rank") + step;
  if (kind == "not_finite")
    return event["of"].text() + " not finite" + step + (event["skipped"].flag() ? ", skipped" : "");
  if (kind == "save") return "saved" + step + ", " + number("commit_seconds", 3) + " s";
  if (kind == "memory") return "memory measured" + step;
  if (kind == "damaged_chunk") return "a damaged chunk of the data file: " + event["dataset"].text();
  return kind + step;
}

struct Events {
  std::vector<plot::Mark> marks;  // but saves
  std::string list;               // for people
};

Events events_of(RunFiles const& run) {
  constexpr std::size_t most = 200;
  Events events;
  std::size_t number = 0, listed = 0;
  for (OrderedJson const& json : run.events) {
    Part const event(json, "events.jsonl, object " + std::to_string(++number) + ":");
    std::string const kind = event["event"].text();
    std::string const words = shortened(event_words(event, kind), 300);
    if (++listed <= most) events.list += "<li>" + html_text(words) + "</li>\n";
    static std::set<std::string> const drawn{"resumed", "restart", "straggler", "not_finite"};
    auto const step = event["step"].number();
    if (step && drawn.contains(kind)) events.marks.push_back({*step, kind, words});
  }
  if (listed > most) events.list += "<li>and " + std::to_string(listed - most) + " more in events.jsonl</li>\n";
  return events;
}

plot::Line line_of(StepLog const& log, std::string name, char const* column) {
  plot::Line line{std::move(name), {}};
  auto const found = log.columns.find(column);
  if (found == log.columns.end()) return line;
  for (std::size_t i = 0; i < log.step.size(); ++i) {
    if (std::isfinite(found->second[i])) line.points.emplace_back(log.step[i], found->second[i]);
  }
  return line;
}

std::string time_plot(StepLog const& log, Detail const& detail) {
  plot::AreaPlot plot{"Seconds a step by stage", "", "step", "seconds", {}, log.step, {}};
  std::vector<double> rest = log.columns.at("seconds.total");
  for (auto const& [name, column] : {std::pair{"data", "seconds.data"},
                                     {"forward", "seconds.forward"},
                                     {"backward", "seconds.backward"},
                                     {"reduce", "seconds.reduce"},
                                     {"optimizer", "seconds.optimizer"}}) {
    plot.layers.emplace_back(name);
    plot.values.push_back(log.columns.at(column));
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (std::isfinite(plot.values.back()[i])) rest[i] -= plot.values.back()[i];
    }
  }
  plot.layers.emplace_back("other");
  plot.values.push_back(std::move(rest));
  plot.stretches = std::clamp<std::size_t>(detail.columns * 3 / 2, 4, 60);
  return plot::draw(plot);
}

}  // namespace

std::string training_section(RunFiles const& run, Detail const& detail) {
  StepLog const& log = run.steps;
  Events const events = events_of(run);
  if (log.step.empty()) return section("Is training healthy?", "", note("No step has been logged yet."));
  std::size_t const span = std::clamp<std::size_t>(log.step.size() / 25, 3, 201);
  auto plot = [&](char const* title, std::string words, char const* unit, std::vector<plot::Line> lines,
                  std::size_t smoothing, bool from_zero) {
    return plot::draw(plot::LinePlot{.title = title,
                                     .note = std::move(words),
                                     .x_name = "step",
                                     .y_name = unit,
                                     .lines = std::move(lines),
                                     .marks = events.marks,
                                     .smoothing = smoothing,
                                     .points = detail.points,
                                     .columns = detail.columns,
                                     .from_zero = from_zero});
  };
  std::string const faint = "faint: each step; line: moving mean over " + std::to_string(span) + " steps";
  std::string plots =
      plot("Loss", faint, "nats a token",
           {line_of(log, "all", "loss"), line_of(log, "response", "response_loss"),
            line_of(log, "behaviour token", "behavior_loss"), line_of(log, "end", "end_loss")},
           span, true) +
      plot("Accuracy of the next token", faint, "share right",
           {line_of(log, "behaviour token", "behavior_accuracy"), line_of(log, "response", "response_accuracy")}, span,
           true) +
      plot("Entropy of the behaviour token", "a fall to 0 means that one behaviour is always chosen", "nats",
           {line_of(log, "entropy", "behavior_entropy")}, span, true) +
      plot("Gradient norm", "before clipping", "norm", {line_of(log, "gradient norm", "gradient_norm")}, span, true) +
      plot("Learning rate", "", "rate", {line_of(log, "learning rate", "learning_rate")}, 0, true) +
      plot("Throughput", "", "tokens/s", {line_of(log, "tokens a second", "tokens_per_second")}, span, true) +
      time_plot(log, detail);
  std::string body = "<div class=\"plots\">\n" + plots + "</div>\n";
  if (!events.list.empty()) body += folded("Events", "<ul class=\"events\">\n" + events.list + "</ul>\n");
  std::string const lead =
      std::to_string(log.step.size()) + " steps logged, the last is step " + decimal(log.step.back(), 0) + ".";
  return section("Is training healthy?", lead, body);
}

}  // namespace bsft::page
