// What ranks say to each other.  Every verb works on every backend; a group of one is the identity.
//
//   all_reduce(x)           x = the sum over ranks
//   reduce_scatter(x)       this rank's part of x = its sum over ranks; the other parts are left over
//   all_gather(x)           part r of x = rank r's, on every rank
//   all_to_all(to, from)    to[r] = what rank r has in from[this rank]; [W,n] each, two tensors
//   broadcast(x, root)      x = root's
//   exchange(bytes)         every rank's bytes, in rank order: small messages, of the host
//   barrier(), split(color)
// Verbs that move tensors return at once: until their Pending has been waited for, the tensors may not be touched. They
// are carried out one after another, in the order of the calls.
// Sums are of fp32 or fp64, in the fixed binary tree ((0+1)+(2+3))+… over ranks (exact), so that with aligned lanes the
// bits do not depend on the number of ranks, which must be a power of two: Invalid(config) otherwise.  Fast: all_reduce
// is the library's own.  Tensors are contiguous, on the host but for NCCL.
// Collective: all ranks of the group call the same verbs in the same order.
// Errors: Failed(peer_lost) with MPI's or NCCL's words, thrown by wait(); Unavailable where the backend is not built.
// Source: the tree is reliability.md's D1 (b); tests/comm/contract_test.cpp holds every backend to this text.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/feed/lanes.hpp"

namespace bsft {

// A verb under way.  One that is dropped goes on all the same, and its error shows in the next.
class [[nodiscard]] Pending {
 public:
  Pending() = default;  // nothing to wait for
  explicit Pending(std::function<void()> wait) : wait_(std::move(wait)) {}
  void wait() {
    if (auto const wait = std::exchange(wait_, nullptr)) wait();
  }

 private:
  std::function<void()> wait_;
};

struct Part {
  std::int64_t begin, end;
};
// Rank r's part of n elements over `size` ranks: parts begin at multiples of `grain` elements, differ by one grain at
// most, and may be empty.  Nested: the part of r of N is that of 2r and 2r + 1 of 2N together, and so for any multiple.
constexpr std::int64_t part_grain = 16;
Part part_of(std::int64_t n, int rank, int size, std::int64_t grain = part_grain);

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string backend() const = 0;
  virtual Pending all_reduce(at::Tensor x) = 0;
  virtual Pending reduce_scatter(at::Tensor x, std::int64_t grain = part_grain) = 0;
  virtual Pending all_gather(at::Tensor x, std::int64_t grain = part_grain) = 0;
  virtual Pending all_to_all(at::Tensor to, at::Tensor from) = 0;
  virtual Pending broadcast(at::Tensor x, int root) = 0;
  virtual std::vector<std::string> exchange(std::string const& bytes) = 0;
  virtual void barrier() = 0;
  virtual std::unique_ptr<Communicator> split(int color) = 0;
};

std::unique_ptr<Communicator> self_communicator();

}  // namespace bsft
