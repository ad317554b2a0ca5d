#include "trainer/report/plot/axes.hpp"

namespace bsft::plot {

void draw_grid(Svg& svg, Range x_range, Range y_range, Scale const& x, Scale const& y, int x_ticks) {
  double const left = x(x_range.low), right = x(x_range.high), bottom = y(y_range.low);
  for (double const tick : ticks(y_range, 5))
    svg.line(left, y(tick), right, y(tick), "grid").text(left - 6, y(tick) + 4, short_number(tick), Anchor::end);
  for (double const tick : ticks(x_range, x_ticks))
    svg.line(x(tick), bottom, x(tick), bottom + 4, "axis")
        .text(x(tick), bottom + 17, short_number(tick), Anchor::middle);
}

void draw_columns(Svg& svg, Range x_range, Scale const& x, double top, double bottom, int x_ticks,
                  std::string const& name) {
  for (double const tick : ticks(x_range, x_ticks))
    svg.line(x(tick), top, x(tick), bottom, "grid").text(x(tick), bottom + 16, short_number(tick), Anchor::middle);
  svg.text((x(x_range.low) + x(x_range.high)) / 2, bottom + 33, name, Anchor::middle, "unit");
}

}  // namespace bsft::plot
