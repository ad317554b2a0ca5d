#include "trainer/comm/host_verbs.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "trainer/comm/tree_sum.hpp"

namespace bsft {
namespace {

// Where round k of a part is, which goes `each` elements a round.
Part in_round(Part part, std::int64_t each, std::int64_t round) {
  return {std::min(part.end, part.begin + round * each), std::min(part.end, part.begin + (round + 1) * each)};
}

std::int64_t rounds_of(std::int64_t n, std::int64_t each) { return (n + each - 1) / each; }

std::int64_t longest_part(std::int64_t n, int size, std::int64_t grain) {
  std::int64_t longest = 0;
  for (int r = 0; r < size; ++r) {
    Part const part = part_of(n, r, size, grain);
    longest = std::max(longest, part.end - part.begin);
  }
  return longest;
}

template <class Real>
void copy(Real* to, Real const* from, std::int64_t n) {
  if (n > 0) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(Real));
}

}  // namespace

std::unique_ptr<HostVerbs> HostVerbs::open(int rank, int size, std::int64_t segment_bytes,
                                           std::atomic<bool> const& stopped, SharedSlots::Exchange const& exchange) {
  std::int64_t const line = 64 * size;  // so that in a segment every rank has a part that begins at a line of the cache
  std::int64_t const segment = (segment_bytes + line - 1) / line * line;
  auto slots = SharedSlots::open(rank, size, 3 * segment, exchange);
  if (!slots) return nullptr;
  return std::unique_ptr<HostVerbs>(new HostVerbs(std::move(slots), rank, size, segment, stopped));
}

HostVerbs::HostVerbs(std::unique_ptr<SharedSlots> slots, int rank, int size, std::int64_t segment_bytes,
                     std::atomic<bool> const& stopped)
    : slots_(std::move(slots)), rank_(rank), size_(size), segment_bytes_(segment_bytes), stopped_(stopped) {}

// Who puts round k+1 overwrites k-2, which all have taken when they come to the meeting of k.
void HostVerbs::rounds(std::int64_t count, std::function<void(std::int64_t)> const& put,
                       std::function<void(std::int64_t)> const& take) {
  if (count > 0) put(0);
  for (std::int64_t k = 0; k < count; ++k) {
    slots_->meet(stopped_);
    take(k);
    if (k + 1 < count) put(k + 1);
  }
  first_ += count;
}

template <class Real>
void HostVerbs::all_reduce(Real* x, std::int64_t n) {
  std::int64_t const each = segment_bytes_ / static_cast<std::int64_t>(sizeof(Real)), count = rounds_of(n, each);
  auto const part = [&](int rank, std::int64_t round) {
    return part_of(std::min(each, n - round * each), rank, size_);
  };
  auto const sum = [&](std::int64_t round) {
    Part const mine = part(rank_, round);
    std::vector<Real const*> terms;
    for (int r = 0; r < size_; ++r) terms.push_back(slot<Real>(r, round) + mine.begin);
    TreeSum<Real>(terms).into(slot<Real>(rank_, round) + mine.begin, mine.end - mine.begin);
  };
  auto const take = [&](std::int64_t round) {
    for (int r = 0; r < size_; ++r) {
      Part const p = part(r, round);
      copy(x + round * each + p.begin, slot<Real>(r, round) + p.begin, p.end - p.begin);
    }
  };
  rounds(
      count + 1,
      [&](std::int64_t round) {
        if (round < count) copy(slot<Real>(rank_, round), x + round * each, std::min(each, n - round * each));
      },
      [&](std::int64_t round) {
        if (round > 0) take(round - 1);
        if (round < count) sum(round);
      });
}

template <class Real>
void HostVerbs::reduce_scatter(Real* x, std::int64_t n, std::int64_t grain) {
  std::int64_t const each = segment_bytes_ / static_cast<std::int64_t>(sizeof(Real)) / size_;
  auto const piece = [&](int rank, std::int64_t round) {
    return in_round(part_of(n, rank, size_, grain), each, round);
  };
  rounds(
      rounds_of(longest_part(n, size_, grain), each),
      [&](std::int64_t round) {
        for (int r = 0; r < size_; ++r) {
          Part const p = piece(r, round);
          if (r != rank_) copy(slot<Real>(rank_, round) + r * each, x + p.begin, p.end - p.begin);
        }
      },
      [&](std::int64_t round) {
        Part const mine = piece(rank_, round);
        std::vector<Real const*> terms;
        for (int r = 0; r < size_; ++r)
          terms.push_back(r == rank_ ? x + mine.begin : slot<Real>(r, round) + rank_ * each);
        TreeSum<Real>(terms).into(x + mine.begin, mine.end - mine.begin);
      });
}

void HostVerbs::all_reduce(at::Tensor const& x) {
  if (x.scalar_type() == at::kFloat)
    all_reduce(x.data_ptr<float>(), x.numel());
  else
    all_reduce(x.data_ptr<double>(), x.numel());
}

void HostVerbs::reduce_scatter(at::Tensor const& x, std::int64_t grain) {
  if (x.scalar_type() == at::kFloat)
    reduce_scatter(x.data_ptr<float>(), x.numel(), grain);
  else
    reduce_scatter(x.data_ptr<double>(), x.numel(), grain);
}

void HostVerbs::all_gather(at::Tensor const& x, std::int64_t grain) {
  auto* const bytes = static_cast<char*>(x.data_ptr());
  auto const width = static_cast<std::int64_t>(x.itemsize());
  auto const piece = [&](int rank, std::int64_t round) {
    Part const p = part_of(x.numel(), rank, size_, grain);
    return in_round({p.begin * width, p.end * width}, segment_bytes_, round);
  };
  rounds(
      rounds_of(longest_part(x.numel(), size_, grain) * width, segment_bytes_),
      [&](std::int64_t round) {
        Part const mine = piece(rank_, round);
        copy(slot<char>(rank_, round), bytes + mine.begin, mine.end - mine.begin);
      },
      [&](std::int64_t round) {
        for (int r = 0; r < size_; ++r) {
          Part const p = piece(r, round);
          if (r != rank_) copy(bytes + p.begin, slot<char>(r, round), p.end - p.begin);
        }
      });
}

}  // namespace bsft
