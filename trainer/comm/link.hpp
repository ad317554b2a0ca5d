// The wires of a group: all that a backend has to offer.  collectives.hpp makes the verbs of a Communicator of it.
//
// Collective: all ranks of the group, in the same order; one call at a time.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bsft {

struct Message {
  int rank;      // of the other side
  at::Tensor x;  // contiguous
};

class Link {
 public:
  virtual ~Link() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string name() const = 0;
  // Sends and receives all of them at once; at most one each way between two ranks, of equal length on both sides, of
  // which an empty one is not sent.
  virtual void move(std::span<Message const> out, std::span<Message const> in) = 0;
  // x = the sum over ranks in the library's own order; false where the library has none.
  virtual bool sum(at::Tensor const& x) = 0;
  // The ranks of one colour, in rank order; null for a negative one.
  virtual std::unique_ptr<Link> split(int color) = 0;
  // Whether ranks of one host may pass large tensors through memory of theirs (host_verbs.hpp) rather than here.
  virtual bool may_share_memory() const { return false; }
  // From any thread: a call under way, and all later ones, throw Failed(peer_lost), as its messages will not come.
  virtual void stop() = 0;
};

}  // namespace bsft
