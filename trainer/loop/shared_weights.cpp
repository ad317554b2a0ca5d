#include "trainer/loop/shared_weights.hpp"

#include <utility>

#include "trainer/loop/weight_gather.hpp"

namespace bsft {

void give_back_others(Pages const& pages, Buckets const& buckets, std::size_t bucket, int rank, int size) {
  Part const all = buckets.list[bucket];
  Part const mine = part_of(all.end - all.begin, rank, size, buckets.block);
  pages.give_back(all.begin, all.begin + mine.begin);
  pages.give_back(all.begin + mine.end, all.end);
}

void give_back_others(Pages const& pages, Buckets const& buckets, Part within, int rank, int size) {
  std::int64_t begin = within.begin;
  for (Part const& mine : parts_of(buckets, rank, size)) {
    if (mine.end <= begin || mine.begin >= within.end) continue;
    pages.give_back(begin, mine.begin);
    begin = mine.end;
  }
  pages.give_back(begin, within.end);
}

SharedWeights::SharedWeights(Communicator& group, Decoder const& decoder, Buckets buckets)
    : group_(group),
      decoder_(decoder),
      buckets_(std::move(buckets)),
      memory_(decoder.weight_pages().alias()),
      state_(buckets_.list.size()) {
  give_back_others(decoder.weight_pages(), buckets_, Part{0, decoder.flat().numel()}, group.rank(), group.size());
}

std::vector<bool> SharedWeights::needed(std::optional<std::int64_t> unit) const {
  std::vector<bool> needed(state_.size(), false);
  if (!unit) return needed;
  for (std::size_t const b : buckets_needed(decoder_, buckets_, *unit)) needed[b] = true;
  return needed;
}

void SharedWeights::start(std::size_t bucket) {
  if (state_[bucket].here) return;
  state_[bucket].here = true;
  Part const& all = buckets_.list[bucket];
  state_[bucket].coming = group_.all_gather(memory_.slice(0, all.begin, all.end), buckets_.block);
}

void SharedWeights::drop(std::size_t bucket) {
  if (!state_[bucket].here) return;
  state_[bucket].coming.wait();
  state_[bucket].here = false;
  give_back_others(decoder_.weight_pages(), buckets_, bucket, group_.rank(), group_.size());
}

void SharedWeights::enter(std::int64_t unit, std::optional<std::int64_t> next) {
  std::vector<bool> const now = needed(unit), then = needed(next);
  for (std::size_t b = 0; b < state_.size(); ++b) {
    if (now[b]) start(b);
  }
  for (std::size_t b = 0; b < state_.size(); ++b) {
    if (now[b]) state_[b].coming.wait();
    if (!now[b] && !then[b]) drop(b);
  }
  for (std::size_t b = 0; b < state_.size(); ++b) {
    if (then[b]) start(b);
  }
}

void SharedWeights::leave() {
  for (std::size_t b = 0; b < state_.size(); ++b) drop(b);
}

void SharedWeights::gather(Whole where) {
  leave();
  for (std::size_t b = 0; b < state_.size(); ++b) {
    start(b);
    state_[b].coming.wait();
    if (where == Whole::on_rank_0 && group_.rank() != 0) drop(b);
  }
}

}  // namespace bsft
