// Bytes that libtorch's CPU tensors take: those alive, their peak since the last reset, and the largest of one tensor.
//
//   PeakMemory& memory = PeakMemory::install();   from here on, for the whole process
//   memory.reset(); work(); memory.peak()         above what was alive at the reset
// Matrix libraries' own scratch is not seen.  One thread at a time.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdint>

namespace bsft::test {

class PeakMemory final : public c10::Allocator {
 public:
  static PeakMemory& install() {
    static PeakMemory* const memory = [] {
      auto* const made = new PeakMemory(c10::GetCPUAllocator());  // outlives every tensor
      c10::SetCPUAllocator(made, 1);
      return made;
    }();
    return *memory;
  }

  void reset() { start_ = peak_ = alive_, largest_ = 0; }
  std::int64_t peak() const { return peak_ - start_; }
  std::int64_t largest() const { return largest_; }

  at::DataPtr allocate(std::size_t bytes) override {
    auto* const block = new Block{inner_->allocate(bytes), static_cast<std::int64_t>(bytes), this};
    alive_ += block->bytes;
    peak_ = std::max(peak_, alive_);
    largest_ = std::max(largest_, block->bytes);
    return {block->data.get(), block, &release, at::Device(at::kCPU)};
  }
  void copy_data(void* to, void const* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  struct Block {
    at::DataPtr data;
    std::int64_t bytes;
    PeakMemory* memory;
  };
  explicit PeakMemory(c10::Allocator* inner) : inner_(inner) {}
  static void release(void* context) {
    auto* const block = static_cast<Block*>(context);
    block->memory->alive_ -= block->bytes;
    delete block;
  }

  c10::Allocator* inner_;
  std::int64_t alive_ = 0, start_ = 0, peak_ = 0, largest_ = 0;
};

}  // namespace bsft::test
