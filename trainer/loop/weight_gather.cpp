#include "trainer/loop/weight_gather.hpp"

#include <algorithm>
#include <utility>

namespace bsft {

std::vector<std::size_t> buckets_needed(Decoder const& decoder, Buckets const& buckets, std::int64_t unit) {
  std::vector<std::size_t> needed;
  std::vector<Stretch> const& stretches = decoder.stretches(unit);
  for (std::size_t b = 0; b < buckets.list.size(); ++b) {
    Part const& bucket = buckets.list[b];
    auto const overlaps = [&](Stretch const& s) { return bucket.begin < s.end && s.begin < bucket.end; };
    if (std::any_of(stretches.begin(), stretches.end(), overlaps)) needed.push_back(b);
  }
  return needed;
}

WeightGather::WeightGather(Communicator& group, Decoder const& decoder, Buckets buckets)
    : group_(group),
      decoder_(decoder),
      buckets_(std::move(buckets)),
      memory_(decoder.weight_pages().alias()),
      coming_(buckets_.list.size()) {
  for (std::int64_t unit = 0; unit < decoder.units(); ++unit) {
    for (std::size_t const b : buckets_needed(decoder, buckets_, unit)) {
      if (std::find(order_.begin(), order_.end(), b) == order_.end()) order_.push_back(b);
    }
  }
}

void WeightGather::start() {
  for (std::size_t const b : order_) {
    Part const& bucket = buckets_.list[b];
    coming_[b] = group_.all_gather(memory_.slice(0, bucket.begin, bucket.end), buckets_.block);
  }
}

void WeightGather::enter(std::int64_t unit) {
  for (std::size_t const b : buckets_needed(decoder_, buckets_, unit)) coming_[b].wait();
}

void WeightGather::finish() {
  for (Pending& one : coming_) one.wait();
}

}  // namespace bsft
