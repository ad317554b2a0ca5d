#include "trainer/loop/stragglers.hpp"

#include <algorithm>

#include "data/base/error.hpp"

namespace bsft {

Stragglers::Stragglers(int ranks, double window) : window_(window), ranks_(static_cast<std::size_t>(ranks)) {}

std::vector<Straggler> Stragglers::add(std::vector<double> const& seconds) {
  ensure(seconds.size() == ranks_.size(), "seconds of every rank");
  for (std::size_t r = 0; r < seconds.size(); ++r) ranks_[r].now += seconds[r];
  auto const [fastest, slowest] =
      std::minmax_element(ranks_.begin(), ranks_.end(), [](Rank const& a, Rank const& b) { return a.now < b.now; });
  if (slowest->now < window_) return {};
  double const best = fastest->now;
  std::vector<Straggler> found;
  for (Rank& rank : ranks_) {
    double const score = best / rank.now;
    rank.slow = score < low ? rank.slow + rank.now : 0;
    rank.windows = score < low ? rank.windows + 1 : 0;
    if (rank.windows == windows_in_a_row) found.push_back({static_cast<int>(&rank - ranks_.data()), score, rank.slow});
    rank.now = 0;
  }
  return found;
}

}  // namespace bsft
