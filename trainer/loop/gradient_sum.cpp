#include "trainer/loop/gradient_sum.hpp"

#include <algorithm>
#include <utility>

namespace bsft {

std::vector<Part> buckets_of(std::int64_t n, std::int64_t late, std::int64_t bucket_bytes) {
  std::int64_t const most = std::max<std::int64_t>(1, bucket_bytes / static_cast<std::int64_t>(sizeof(float)));
  std::int64_t const first = std::min(most, (std::int64_t{1} << 20) / static_cast<std::int64_t>(sizeof(float)));
  std::vector<Part> buckets;
  for (std::int64_t end = late; end > 0;) {
    std::int64_t const size = std::min(end, buckets.empty() ? first : most);
    buckets.push_back({end - size, end});
    end -= size;
  }
  for (std::int64_t begin = late; begin < n; begin += most) buckets.push_back({begin, std::min(n, begin + most)});
  return buckets;
}

GradientSum::GradientSum(Communicator& group, at::Tensor flat, std::size_t lanes, std::int64_t late,
                         std::int64_t bucket_bytes)
    : group_(group),
      flat_(std::move(flat)),
      lanes_(lanes),
      late_(late),
      buckets_(buckets_of(flat_.numel(), late, bucket_bytes)) {}

void GradientSum::add() { lanes_.add(flat_); }

void GradientSum::send() {
  Part const bucket = buckets_[sent_++];
  lanes_.add_last(flat_, bucket.begin, bucket.end);
  pending_.push_back(group_.all_reduce(flat_.narrow(0, bucket.begin, bucket.end - bucket.begin)));
}

void GradientSum::ready_from(std::int64_t begin) {
  while (sent_ < buckets_.size() && buckets_[sent_].begin >= begin && buckets_[sent_].end <= late_) send();
}

void GradientSum::finish() {
  while (sent_ < buckets_.size()) send();
  for (Pending& one : pending_) one.wait();
  pending_.clear();
  sent_ = 0;
  lanes_.start_again();
}

}  // namespace bsft
