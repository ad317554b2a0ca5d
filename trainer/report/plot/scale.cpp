#include "trainer/report/plot/scale.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace bsft::plot {
namespace {

double step_of(Range range, int wanted) {
  double const raw = (range.high - range.low) / wanted;
  double const power = std::pow(10.0, std::floor(std::log10(raw)));
  for (double const factor : {1.0, 2.0, 5.0}) {
    if (power * factor >= raw * (1 - 1e-9)) return power * factor;
  }
  return power * 10;
}

// A range whose ends are so near that no step lies between them is as good as one value.
bool is_flat(Range range) {
  double const size = std::max(std::abs(range.low), std::abs(range.high));
  return !(range.high - range.low > size * 1e-9) || range.high - range.low < 1e-290;
}

}  // namespace

void Range::take(double value) {
  if (!std::isfinite(value) || std::abs(value) > 1e290) return;
  bool const first = empty();
  low = first ? value : std::min(low, value);
  high = first ? value : std::max(high, value);
}

Range Range::widened(int wanted_ticks) const {
  if (empty()) return {0, 1};
  Range wide = *this;
  if (is_flat(wide)) {
    double const by = std::abs(low) < 1e-280 ? 1 : std::abs(low) * 0.1;
    wide = {low - by, high + by};
  }
  double const step = step_of(wide, wanted_ticks);
  return {std::floor(wide.low / step + 1e-9) * step, std::ceil(wide.high / step - 1e-9) * step};
}

Scale::Scale(Range range, double from, double to) : range_(range), from_(from), to_(to) {}

double Scale::operator()(double value) const {
  double const share = (value - range_.low) / (range_.high - range_.low);
  return from_ + std::clamp(share, 0.0, 1.0) * (to_ - from_);
}

std::vector<double> ticks(Range range, int wanted) {
  std::vector<double> result;
  if (range.empty() || is_flat(range)) return result;
  double const step = step_of(range, wanted);
  double const first = std::ceil(range.low / step - 1e-9);
  for (int n = 0; n <= 2 * wanted + 2 && (first + n) * step <= range.high + step * 1e-6; ++n) {
    double const tick = (first + n) * step;
    result.push_back(std::abs(tick) < step * 1e-6 ? 0 : tick);
  }
  return result;
}

std::string short_number(double value, int digits) {
  std::array<char, 40> text{};
  double const size = std::abs(value);
  if (size >= 1e12 || (size > 0 && size < 1e-3)) {
    std::snprintf(text.data(), text.size(), "%.1e", value);
    std::string const scientific = text.data();
    auto const e = scientific.find('e');
    std::string mantissa = scientific.substr(0, e);
    if (mantissa.ends_with(".0")) mantissa.resize(mantissa.size() - 2);
    return mantissa + "e" + std::to_string(std::atoi(scientific.c_str() + e + 1));
  }
  char const* unit = "";
  for (auto const& [from, name] : {std::pair{1e9, "G"}, {1e6, "M"}, {1e4, "k"}}) {
    if (size < from) continue;
    value /= from == 1e4 ? 1e3 : from;
    unit = name;
    break;
  }
  std::snprintf(text.data(), text.size(), "%.*g%s", digits, value, unit);
  return text.data();
}

Points thinned(Points points, std::size_t most) {
  std::erase_if(points, [](auto const& p) { return !std::isfinite(p.first) || !std::isfinite(p.second); });
  std::size_t const stretch = 2 * points.size() / std::max<std::size_t>(most, 2);
  if (stretch < 3) return points;
  Points kept;
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

Points smoothed(Points const& points, std::size_t span) {
  std::vector<double> sums{0};
  for (auto const& point : points) sums.push_back(sums.back() + point.second);
  Points result;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::size_t const before = std::min(span / 2, i), after = std::min(before, points.size() - 1 - i);
    double const sum = sums[i + after + 1] - sums[i - before];
    result.emplace_back(points[i].first, sum / static_cast<double>(before + after + 1));
  }
  return result;
}

}  // namespace bsft::plot
