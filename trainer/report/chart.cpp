#include "trainer/report/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "trainer/report/table.hpp"

namespace bsft {
namespace {

constexpr double width = 760, height = 300, left = 64, right = 16, top = 34, bottom = 44;
constexpr std::array<char const*, 8> colours{"#1f6fb4", "#d1495b", "#2e8b57", "#8a5fbf",
                                             "#c77d0a", "#4d4d4d", "#0b8a8f", "#b0457f"};

std::string text_of(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

std::string at(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

struct Range {
  double low = INFINITY, high = -INFINITY;
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void widen() {
    if (low == high) {
      double const by = low == 0 ? 1 : std::abs(low) * 0.1;
      low -= by;
      high += by;
    }
  }
};

std::vector<double> ticks(Range range, int wanted) {
  double const raw = (range.high - range.low) / wanted;
  double const power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power * 10;
  for (double const factor : {1.0, 2.0, 5.0}) {
    if (power * factor >= raw) {
      step = power * factor;
      break;
    }
  }
  std::vector<double> result;
  for (double n = std::ceil(range.low / step); n * step <= range.high + step * 1e-9; ++n) result.push_back(n * step);
  return result;
}

std::vector<std::pair<double, double>> thinned(std::vector<std::pair<double, double>> points) {
  std::erase_if(points, [](auto const& p) { return !std::isfinite(p.first) || !std::isfinite(p.second); });
  std::size_t const stretch = points.size() / 300;
  if (stretch < 2) return points;
  std::vector<std::pair<double, double>> kept;
  for (std::size_t begin = 0; begin < points.size(); begin += stretch) {
    auto const first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    auto const last = points.begin() + static_cast<std::ptrdiff_t>(std::min(begin + stretch, points.size()));
    auto [low, high] =
        std::minmax_element(first, last, [](auto const& a, auto const& b) { return a.second < b.second; });
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (low != high) kept.push_back(*high);
  }
  return kept;
}

}  // namespace

std::string line_chart(std::string const& title, std::string const& x_name, std::vector<Series> const& series) {
  std::vector<Series> shown;
  Range x, y;
  for (Series const& one : series) {
    Series thin{one.name, thinned(one.points)};
    if (thin.points.empty()) continue;
    for (auto const& [px, py] : thin.points) {
      x.take(px);
      y.take(py);
    }
    shown.push_back(std::move(thin));
  }
  if (shown.empty()) return "";
  x.widen();
  y.widen();
  auto to_x = [&](double v) { return left + (v - x.low) / (x.high - x.low) * (width - left - right); };
  auto to_y = [&](double v) { return height - bottom - (v - y.low) / (y.high - y.low) * (height - top - bottom); };
  auto line = [](double x1, double y1, double x2, double y2) {
    return "<line x1=\"" + at(x1) + "\" y1=\"" + at(y1) + "\" x2=\"" + at(x2) + "\" y2=\"" + at(y2) +
           "\" class=\"grid\"/>\n";
  };
  auto text = [](double px, double py, std::string const& anchor, std::string const& words) {
    return "<text x=\"" + at(px) + "\" y=\"" + at(py) + "\" text-anchor=\"" + anchor + "\">" + html_text(words) +
           "</text>\n";
  };
  std::string svg = "<svg viewBox=\"0 0 " + at(width) + " " + at(height) + "\" role=\"img\" aria-label=\"" +
                    html_text(title) + "\">\n";
  for (double const tick : ticks(y, 5))
    svg += line(left, to_y(tick), width - right, to_y(tick)) + text(left - 6, to_y(tick) + 4, "end", text_of(tick));
  for (double const tick : ticks(x, 8))
    svg += line(to_x(tick), height - bottom, to_x(tick), height - bottom + 4) +
           text(to_x(tick), height - bottom + 18, "middle", text_of(tick));
  svg += text((left + width - right) / 2, height - 8, "middle", x_name);
  double legend = left;
  for (std::size_t s = 0; s < shown.size(); ++s) {
    char const* const colour = colours[s % colours.size()];
    std::string points;
    for (auto const& [px, py] : shown[s].points) points += at(to_x(px)) + "," + at(to_y(py)) + " ";
    svg += std::string("<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"") + colour + "\" points=\"" + points +
           "\"/>\n";
    if (shown[s].points.size() < 40) {
      for (auto const& [px, py] : shown[s].points) {
        svg += "<circle r=\"2.5\" fill=\"" + std::string(colour) + "\" cx=\"" + at(to_x(px)) + "\" cy=\"" +
               at(to_y(py)) + "\"/>\n";
      }
    }
    svg += "<rect x=\"" + at(legend) + "\" y=\"12\" width=\"10\" height=\"10\" fill=\"" + colour + "\"/>\n" +
           text(legend + 14, 21, "start", shown[s].name);
    legend += 34 + 6.6 * static_cast<double>(shown[s].name.size());
  }
  return svg + "</svg>\n";
}

}  // namespace bsft
