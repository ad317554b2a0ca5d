// How far a probability can be believed.
//
//   ECE   = sum over bins n_b / N |share right in b - mean confidence in b|, equal-width bins of the confidence, the
//           probability of the likeliest class
//   Brier = mean over items of sum over classes (p_k - [k is true])^2, in [0, 2]
// Source: Guo et al. 2017 (arXiv 1706.04599), Brier 1950; scikit-learn's calibration_curve and brier_score_loss
// (scale_by_half=False), to which tests/evaluate compares to 1e-12.
#pragma once

#include <cstdint>
#include <vector>

namespace bsft {

struct CalibrationBin {
  std::int64_t count = 0;
  double confidence = 0, right = 0;  // means over its items
};

struct Calibration {
  double ece = 0, brier = 0;
  std::vector<CalibrationBin> bins;  // of the confidence, from 0 to 1
};

class CalibrationCount {
 public:
  explicit CalibrationCount(std::size_t bins = 15) : bins_(bins) {}
  // p [K] sums to 1; of equal ones the first is the likeliest.
  void add(std::vector<double> const& p, std::int32_t truth);
  std::int64_t count() const { return count_; }
  // Requires an item.
  Calibration result() const;

 private:
  std::vector<CalibrationBin> bins_;  // sums
  double brier_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace bsft
