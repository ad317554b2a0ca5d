// The verbs that move gradients and weights, among ranks of one host: through memory that all of them see.
//
// In rounds of a segment.  A rank puts its segment into its slot, all meet, and each reads what it needs out of the
// others' slots:
//   all_reduce       put; meet; part r of the segment is summed by rank r, into its slot; meet; take all parts
//   reduce_scatter   put the others' parts; meet; sum mine
//   all_gather       put mine; meet; take the others'
// A slot holds three segments, so that one meeting a round is enough: while some still take round k-1 others put k+1.
// Each byte is copied once in and once out, where a message goes in and out for every receiver.
// x of n elements, fp32 or fp64 in sums.  Collective.  Errors: as SharedSlots.
// Source: the same sums as collectives.hpp's, bit for bit; tests/comm/contract_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "trainer/comm/communicator.hpp"
#include "trainer/comm/shared_slots.hpp"

namespace bsft {

constexpr std::int64_t host_segment_bytes = std::int64_t{1} << 20;  // measured: the best or near it on 2, 4 and 8 ranks

class HostVerbs {
 public:
  // Null where the ranks do not see each other's memory.  Collective.
  static std::unique_ptr<HostVerbs> open(int rank, int size, std::int64_t segment_bytes,
                                         std::atomic<bool> const& stopped, SharedSlots::Exchange const& exchange);

  void all_reduce(at::Tensor const& x);
  void reduce_scatter(at::Tensor const& x, std::int64_t grain);
  void all_gather(at::Tensor const& x, std::int64_t grain);

 private:
  HostVerbs(std::unique_ptr<SharedSlots> slots, int rank, int size, std::int64_t segment_bytes,
            std::atomic<bool> const& stopped);

  template <class Real>
  void all_reduce(Real* x, std::int64_t n);
  template <class Real>
  void reduce_scatter(Real* x, std::int64_t n, std::int64_t grain);
  void rounds(std::int64_t count, std::function<void(std::int64_t)> const& put,
              std::function<void(std::int64_t)> const& take);
  template <class Real>
  Real* slot(int rank, std::int64_t round) const {
    return reinterpret_cast<Real*>(slots_->slot(rank) + (first_ + round) % 3 * segment_bytes_);
  }

  std::unique_ptr<SharedSlots> slots_;
  int rank_, size_;
  std::int64_t segment_bytes_;  // a multiple of 64
  std::atomic<bool> const& stopped_;
  std::int64_t first_ = 0;  // round of this verb
};

}  // namespace bsft
