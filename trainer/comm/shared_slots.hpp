// Memory of one host that all ranks of a group see: a slot of `bytes` for each, and a place to meet.
//
// open() is collective, with `exchange` giving every rank's bytes in rank order.  Null, on all ranks alike, where they
// are not processes that see each other's memory: on other hosts, or in containers that hide them.  The memory has no
// name and ends with the last process that holds it, however that ends.
// Errors: meet() throws Failed(peer_lost) once `stopped`, as the others will not come.
// Source: memfd_create(2), futex(2); MPI-3's shared windows would do, but to free one is collective, too.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bsft {

class SharedSlots {
 public:
  using Exchange = std::function<std::vector<std::string>(std::string const&)>;
  static std::unique_ptr<SharedSlots> open(int rank, int size, std::int64_t bytes, Exchange const& exchange);
  ~SharedSlots();
  SharedSlots(SharedSlots const&) = delete;
  SharedSlots& operator=(SharedSlots const&) = delete;

  char* slot(int rank) const { return slots_ + rank * bytes_; }
  // Returns when all ranks have called it as often; what they wrote before is seen after.
  void meet(std::atomic<bool> const& stopped) const;

 private:
  struct Door;
  SharedSlots(void* memory, int size, std::int64_t bytes);

  Door* door_;
  char* slots_;
  int size_;
  std::int64_t bytes_;
};

}  // namespace bsft
