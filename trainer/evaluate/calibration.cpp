#include "trainer/evaluate/calibration.hpp"

#include <algorithm>
#include <cmath>

#include "data/base/error.hpp"

namespace bsft {

void CalibrationCount::add(std::vector<double> const& p, std::int32_t truth) {
  ensure(!p.empty() && truth >= 0 && static_cast<std::size_t>(truth) < p.size(), "the true class has a probability");
  auto const likeliest = std::max_element(p.begin(), p.end());
  auto const width = 1 / static_cast<double>(bins_.size());
  auto const place = static_cast<std::size_t>(std::max(0.0, std::ceil(*likeliest / width) - 1));
  CalibrationBin& bin = bins_[std::min(place, bins_.size() - 1)];
  ++bin.count;
  bin.confidence += *likeliest;
  bin.right += likeliest - p.begin() == truth ? 1 : 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    double const wanted = static_cast<std::int32_t>(k) == truth ? 1 : 0;
    brier_ += (p[k] - wanted) * (p[k] - wanted);
  }
  ++count_;
}

Calibration CalibrationCount::result() const {
  ensure(count_ > 0, "calibration is of items");
  auto const n = static_cast<double>(count_);
  Calibration result{0, brier_ / n, bins_};
  for (CalibrationBin& bin : result.bins) {
    if (bin.count == 0) continue;
    result.ece += std::abs(bin.right - bin.confidence) / n;
    bin.confidence /= static_cast<double>(bin.count);
    bin.right /= static_cast<double>(bin.count);
  }
  return result;
}

}  // namespace bsft
