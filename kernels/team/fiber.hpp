// The emulator's Team: the device's code of kernels/team/block.hpp on kernels/team/emulator.hpp.  For tests.
#pragma once

#include <cstring>

#include "kernels/team/block.hpp"
#include "kernels/team/emulator.hpp"

namespace bsft::kernel {

class FiberMachine {
 public:
  FiberMachine(Emulator& emulator, int rank, std::int64_t block, std::int64_t blocks)
      : emulator_(&emulator), rank_(rank), block_(block), blocks_(blocks) {}
  int rank() const { return rank_; }
  int size() const { return emulator_->threads(); }
  std::int64_t block() const { return block_; }
  std::int64_t blocks() const { return blocks_; }
  void sync(Site where) const { emulator_->sync(where); }

  template <class V>
  V shuffle_xor(V value, int mask, Site where) const {
    emulator_->exchange(&value, sizeof value, mask, where);
    return value;
  }
  template <class T>
  T read(T const* p, Site where) const {
    emulator_->touch(p, sizeof(T), false, where);
    return *p;
  }
  template <class T>
  void write(T* p, T x, Site where) const {
    emulator_->touch(p, sizeof(T), true, where);
    *p = x;
  }
  template <class T, int n>
  void read_pack(T const* p, T (&v)[n], Site where) const {
    emulator_->touch(p, sizeof v, false, where, sizeof v);
    std::memcpy(v, p, sizeof v);
  }
  template <class T, int n>
  void write_pack(T* p, T const (&v)[n], Site where) const {
    emulator_->touch(p, sizeof v, true, where, sizeof v);
    std::memcpy(p, v, sizeof v);
  }

 private:
  Emulator* emulator_;
  int rank_;
  std::int64_t block_, blocks_;
};

template <class Shared, bool aligned>
using FiberTeam = BlockTeam<FiberMachine, Shared, aligned>;

// Runs the kernel as run/cuda.cu launches it.
template <class Kernel>
void emulate(Emulator& emulator, Kernel const& kernel, std::int64_t blocks) {
  using Shared = typename Kernel::Shared;
  alignas(16) static thread_local std::byte storage[sizeof(Shared)];
  auto& shared = *reinterpret_cast<Shared*>(storage);
  bool const aligned = kernel.aligned();
  emulator.run(blocks, storage, sizeof(Shared), [&](int rank, std::int64_t block) {
    FiberMachine const machine(emulator, rank, block, blocks);
    if (aligned) {
      FiberTeam<Shared, true> team(machine, shared);
      kernel(team);
    } else {
      FiberTeam<Shared, false> team(machine, shared);
      kernel(team);
    }
  });
}

}  // namespace bsft::kernel
