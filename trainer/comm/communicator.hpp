// What ranks say to each other.  Every verb works on every backend; a group of one is the identity.
//
// Collective: all ranks of the group call the same verbs in the same order.  Tensors are contiguous; MPI carries host
// memory only.  all_reduce sums in the fixed binary tree of reliability.md (exact): the bits do not depend on the number
// of ranks, which must be a power of two; Invalid(config) otherwise.
// Errors: Failed(peer_lost) with MPI's or NCCL's words; Unavailable where the backend is not built.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bsft {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string backend() const = 0;
  // In place, fp32 or fp64.
  virtual void all_reduce(at::Tensor tensor) = 0;
  virtual void broadcast(at::Tensor tensor, int root) = 0;
  virtual void barrier() = 0;
  // Every rank's bytes, in rank order, on every rank (small control messages).
  virtual std::vector<std::string> all_gather(std::string const& bytes) = 0;
};

std::unique_ptr<Communicator> self_communicator();

}  // namespace bsft
