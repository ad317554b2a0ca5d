#include "trainer/loop/gradient_sum.hpp"

#include <utility>

#include "trainer/loop/shared_weights.hpp"

namespace bsft {

GradientSum::GradientSum(Communicator& group, Pages const& flat, std::size_t lanes, Buckets buckets, Shared shared)
    : group_(group), pages_(flat), flat_(flat.tensor()), lanes_(lanes), buckets_(std::move(buckets)), shared_(shared) {}

void GradientSum::clear() {
  if (shared_ == Shared::parts_alone)
    pages_.give_back(0, flat_.numel());
  else
    flat_.zero_();
}

void GradientSum::add() { lanes_.add(flat_); }

void GradientSum::send() {
  if (shared_ == Shared::parts_alone && sent_ >= under_way) arrive(sent_ - under_way + 1);
  Part const bucket = buckets_.list[sent_++];
  lanes_.add_last(flat_, bucket.begin, bucket.end);
  at::Tensor const part = flat_.narrow(0, bucket.begin, bucket.end - bucket.begin);
  pending_.push_back(shared_ == Shared::whole ? group_.all_reduce(part) : group_.reduce_scatter(part, buckets_.block));
}

void GradientSum::arrive(std::size_t buckets) {
  for (; arrived_ < buckets; ++arrived_) {
    pending_[arrived_].wait();
    if (shared_ == Shared::parts_alone) give_back_others(pages_, buckets_, arrived_, group_.rank(), group_.size());
  }
}

void GradientSum::ready_from(std::int64_t begin) {
  auto const& list = buckets_.list;
  while (sent_ < list.size() && list[sent_].begin >= begin && list[sent_].end <= buckets_.late) send();
}

void GradientSum::finish() {
  while (sent_ < buckets_.list.size()) send();
  arrive(sent_);
  pending_.clear();
  sent_ = arrived_ = 0;
  lanes_.start_again();
}

}  // namespace bsft
