#include "trainer/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// f(part of the flat buffer, where it begins among the moments) for what parts and [begin, end) share.
template <class F>
void for_shared(std::vector<Part> const& parts, std::int64_t begin, std::int64_t end, F f) {
  std::int64_t place = 0;
  for (Part const& part : parts) {
    Part const shared{std::max(part.begin, begin), std::min(part.end, end)};
    if (shared.begin < shared.end) f(shared, place + shared.begin - part.begin);
    place += part.end - part.begin;
  }
}

}  // namespace

double clip_factor(double norm, double max_norm) {
  if (max_norm <= 0) return 1;
  return std::min(1.0, max_norm / (norm + 1e-6));
}

Optimizer::Optimizer(Decoder const& decoder, OptimizerConfig settings, std::optional<std::vector<Part>> parts)
    : decoder_(decoder),
      settings_(settings),
      whole_(!parts),
      parts_(parts ? std::move(*parts) : std::vector<Part>{{0, decoder.flat().numel()}}) {
  std::int64_t mine = 0;
  for (Part const& part : parts_) {
    ensure(part.begin % op::norm_block == 0, "a part begins at a block of the norm");
    mine += part.end - part.begin;
  }
  moments_ = {at::zeros({mine}, decoder.flat().options()), at::zeros({mine}, decoder.flat().options())};
  for (ParameterRange const& range : decoder.ranges()) {
    if (!ranges_.empty() && ranges_.back().decays == range.decays && ranges_.back().end == range.begin) {
      ranges_.back().end = range.end;
    } else {
      ranges_.push_back(range);
    }
  }
}

at::Tensor Optimizer::block_squares() const {
  std::int64_t const n = decoder_.flat().numel();
  at::Tensor const all = at::zeros({(n + op::norm_block - 1) / op::norm_block}, at::kDouble);
  for (Part const& part : parts_) {
    at::Tensor const some = op::block_squares(decoder_.flat_gradient().slice(0, part.begin, part.end));
    all.narrow(0, part.begin / op::norm_block, some.numel()).copy_(some);
  }
  return all;
}

void Optimizer::update(double learning_rate, double norm) {
  ensure(std::isfinite(norm), "an update has a finite gradient");
  at::NoGradGuard no_grad;
  ++updates_;
  op::AdamW settings{learning_rate,
                     settings_.beta1,
                     settings_.beta2,
                     settings_.epsilon,
                     0,
                     updates_,
                     clip_factor(norm, settings_.max_grad_norm)};
  for (ParameterRange const& range : ranges_) {
    settings.weight_decay = range.decays ? settings_.weight_decay : 0;
    for_shared(parts_, range.begin, range.end, [&](Part const& shared, std::int64_t place) {
      std::int64_t const n = shared.end - shared.begin;
      op::adamw(decoder_.flat().narrow(0, shared.begin, n), decoder_.flat_gradient().narrow(0, shared.begin, n),
                moments_.first.narrow(0, place, n), moments_.second.narrow(0, place, n), settings);
    });
  }
}

Moments Optimizer::gather(Communicator& group, Buckets const& buckets) const {
  if (whole_) return moments_;
  Moments all;
  for (auto const which : {&Moments::first, &Moments::second}) {
    if (group.rank() == 0) all.*which = at::empty_like(decoder_.flat());
    for (Part const& bucket : buckets.list) {
      at::Tensor const some = at::empty({bucket.end - bucket.begin}, decoder_.flat().options());
      for_shared(parts_, bucket.begin, bucket.end, [&](Part const& shared, std::int64_t place) {
        std::int64_t const n = shared.end - shared.begin;
        some.narrow(0, shared.begin - bucket.begin, n).copy_((moments_.*which).narrow(0, place, n));
      });
      group.all_gather(some, buckets.block).wait();
      if (group.rank() == 0) (all.*which).slice(0, bucket.begin, bucket.end).copy_(some);
    }
  }
  return all;
}

void Optimizer::give(at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& into) const {
  at::NoGradGuard no_grad;
  for_shared(parts_, offset, offset + into.numel(), [&](Part const& shared, std::int64_t place) {
    std::int64_t const n = shared.end - shared.begin;
    into.narrow(0, shared.begin - offset, n).copy_((moments_.*which).narrow(0, place, n));
  });
}

void Optimizer::take(at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& values) {
  at::NoGradGuard no_grad;
  for_shared(parts_, offset, offset + values.numel(), [&](Part const& shared, std::int64_t place) {
    std::int64_t const n = shared.end - shared.begin;
    (moments_.*which).narrow(0, place, n).copy_(values.narrow(0, shared.begin - offset, n));
  });
}

}  // namespace bsft
