#include "trainer/report/plot/parallel_plot.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "trainer/report/plot/scale.hpp"
#include "trainer/report/table.hpp"

namespace bsft::plot {
namespace {

constexpr double left = 24, right = plot_width - 40, top = 30, bottom = 190, height = 206;
constexpr std::size_t most_labels = 8;

std::optional<double> number_of(std::string const& text) {
  double value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool const whole = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return whole ? std::optional(value) : std::nullopt;
}

// Where each of its values stands, from 0 to 1, and what is written beside the axis.
struct Axis {
  std::vector<double> at;  // one a line
  std::vector<std::pair<double, std::string>> labels;
};

Axis axis_of(std::vector<std::string> const& values) {
  std::vector<std::string> names;
  std::vector<double> numbers;
  for (std::string const& value : values) {
    if (std::find(names.begin(), names.end(), value) == names.end()) names.push_back(value);
    if (auto const number = number_of(value)) numbers.push_back(*number);
  }
  Axis axis;
  if (numbers.size() < values.size() || names.size() < 2) {
    auto const last = static_cast<double>(std::max<std::size_t>(names.size(), 2) - 1);
    auto const place = [&](std::string const& value) {
      return static_cast<double>(std::find(names.begin(), names.end(), value) - names.begin()) / last;
    };
    for (std::string const& value : values) axis.at.push_back(place(value));
    for (std::string const& name : names) axis.labels.emplace_back(place(name), name);
  } else {
    auto const [low, high] = std::minmax_element(numbers.begin(), numbers.end());
    bool const decades = *low > 0 && *high / *low >= 100;
    auto const scaled = [&](double value) { return decades ? std::log(value) : value; };
    auto const place = [&](double value) { return (scaled(value) - scaled(*low)) / (scaled(*high) - scaled(*low)); };
    for (double const number : numbers) axis.at.push_back(place(number));
    for (std::string const& name : names) axis.labels.emplace_back(place(*number_of(name)), name);
  }
  if (axis.labels.size() > most_labels) {
    auto const [lowest, highest] = std::minmax_element(axis.labels.begin(), axis.labels.end());
    axis.labels = {*lowest, *highest};
  }
  return axis;
}

}  // namespace

std::string draw(ParallelPlot const& plot) {
  std::vector<ParallelLine> lines = plot.lines;
  std::erase_if(lines, [](ParallelLine const& line) { return !std::isfinite(line.score); });
  if (lines.empty()) return "";
  std::ranges::stable_sort(lines, {}, &ParallelLine::score);  // the best on top
  std::vector<Axis> axes;
  for (std::size_t a = 0; a < plot.axes.size(); ++a) {
    std::vector<std::string> values;
    for (ParallelLine const& line : lines) values.push_back(line.values.at(a));
    axes.push_back(axis_of(values));
  }
  double const low = lines.front().score, high = lines.back().score;
  auto const share = [&](double score) { return high > low ? (score - low) / (high - low) : 1.0; };
  Axis& scores = axes.emplace_back();
  for (ParallelLine const& line : lines) scores.at.push_back(share(line.score));
  scores.labels = {{0, decimal(low)}, {1, decimal(high)}};
  if (high == low) scores.labels.erase(scores.labels.begin());

  double const gap = axes.size() > 1 ? (right - left) / static_cast<double>(axes.size() - 1) : 0;
  auto const x = [&](std::size_t a) { return axes.size() > 1 ? left + gap * static_cast<double>(a) : right; };
  auto const y = [](double at) { return bottom - (bottom - top) * at; };
  Svg svg(height, plot.title);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string path, tip = lines[i].name + "\n" + plot.score_name + ": " + decimal(lines[i].score, 4);
    for (std::size_t a = 0; a < axes.size(); ++a)
      path += (a == 0 ? "M" : " ") + place(x(a)) + "," + place(y(axes[a].at[i]));
    svg.path(path, "strand h" + std::to_string(3 + std::lround(6 * share(lines[i].score))), tip);
  }
  for (std::size_t a = 0; a < axes.size(); ++a) {
    bool const last = a + 1 == axes.size();
    std::string const name = last ? plot.score_name : plot.axes[a];
    svg.line(x(a), top, x(a), bottom, "axis");
    svg.text(x(a), a % 2 == 0 ? 10 : 22, fitting(name, std::max(2 * gap - 10, 60.0)),
             a == 0 ? Anchor::start
             : last ? Anchor::end
                    : Anchor::middle,
             "unit");
    for (auto const& [at, label] : axes[a].labels)
      svg.text(x(a) + 4, y(at) + 4, fitting(label, last ? 40 : gap - 8), Anchor::start, "halo small");
  }
  return figure(plot.title, plot.note, {}, svg.done());
}

}  // namespace bsft::plot
