// A flat fp32 buffer of which a rank can hold a part: what is given back takes no memory, and reads as zeros.
//
// [n] floats that begin at a page, at one address for all its life: tensors that look into it stay good while parts of
// it come and go.  give_back(begin, end) gives the whole pages in it back to the system; a cut at a multiple of 1,024
// floats loses nothing.  On a device it is an ordinary tensor, and give_back throws Unavailable.
// Errors: Failed(unavailable) where the system has no memory.  Any thread touches it, one gives back.
// Source: madvise(2), MADV_DONTNEED; tests/model/pages_test.cpp.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

namespace bsft {

class Pages {
 public:
  Pages(std::int64_t n, at::Device device);  // zeros

  at::Tensor const& tensor() const { return tensor_; }
  // Another tensor of the same memory, whose changes autograd does not see: for what arrives from other ranks.  It
  // keeps the memory alive, as a message may come after its receiver has gone.
  at::Tensor alias() const;
  void give_back(std::int64_t begin, std::int64_t end) const;
  std::int64_t resident_bytes() const;  // that take memory now

 private:
  std::shared_ptr<void> memory_;  // null on a device
  at::Tensor tensor_;
  mutable bool small_pages_ = false;
};

}  // namespace bsft
