#include "trainer/loop/gradient_sum.hpp"

#include <utility>

namespace bsft {

GradientSum::GradientSum(Communicator& group, at::Tensor flat, std::size_t lanes, Buckets buckets, Shared shared)
    : group_(group), flat_(std::move(flat)), lanes_(lanes), buckets_(std::move(buckets)), shared_(shared) {}

void GradientSum::add() { lanes_.add(flat_); }

void GradientSum::send() {
  Part const bucket = buckets_.list[sent_++];
  lanes_.add_last(flat_, bucket.begin, bucket.end);
  at::Tensor const part = flat_.narrow(0, bucket.begin, bucket.end - bucket.begin);
  pending_.push_back(shared_ == Shared::whole ? group_.all_reduce(part) : group_.reduce_scatter(part, buckets_.block));
}

void GradientSum::ready_from(std::int64_t begin) {
  auto const& list = buckets_.list;
  while (sent_ < list.size() && list[sent_].begin >= begin && list[sent_].end <= buckets_.late) send();
}

void GradientSum::finish() {
  while (sent_ < buckets_.list.size()) send();
  for (Pending& one : pending_) one.wait();
  pending_.clear();
  sent_ = 0;
  lanes_.start_again();
}

}  // namespace bsft
