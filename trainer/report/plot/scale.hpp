// Map values to places on a plot, and choose the ticks of an axis: 1, 2 or 5 times a power of ten.
//
//   Range range; range.take(0.2); range.take(0.9);
//   Scale const to_x(range, 40, 380);   to_x(0.2) == 40
// Values that are not finite are not taken.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bsft::plot {

using Points = std::vector<std::pair<double, double>>;  // (x, y), ascending x

struct Range {
  double low = 1, high = 0;  // empty
  bool empty() const { return high < low; }
  void take(double value);
  // To the ticks around it, so that no mark lies on the frame; a single value gets some room.
  Range widened(int wanted_ticks) const;
};

class Scale {
 public:
  Scale(Range range, double from, double to);
  double operator()(double value) const;  // values beyond the range stay at its ends

 private:
  Range range_;
  double from_, to_;
};

std::vector<double> ticks(Range range, int wanted);
// "0.25", "12k", "3e-5": a tick or a value in at most so many digits.
std::string short_number(double value, int digits = 4);

// At most about `most` points; the smallest and the largest of each stretch stay, so spikes are seen.  Points that are
// not finite are left out.
Points thinned(Points points, std::size_t most);
// The mean of the `span` points around each; at the beginning of as many as lie before it, so that a steep fall stays
// where it is, at the end of those that are there.
Points smoothed(Points const& points, std::size_t span);

}  // namespace bsft::plot
