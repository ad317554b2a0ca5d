// A CUDA block on the host, a fiber a thread, that looks at every access and accuses.
//
// It accuses (throws Accusation, one line with the body's file and line) of
//   a barrier or shuffle that not all threads reach, or reach at different lines;
//   an access outside what the test has given, a write to an input, a pack at an address that is no multiple of it;
//   a read of shared memory or of an output that nobody wrote;
//   a race: two threads and a byte, one of them writing, no barrier between; or two blocks and a byte.
// Schedules are skewed on purpose (a fair one keeps warps in lockstep and hides races): seed 0 runs the lowest warp as
// far as it goes, 1 the highest, others a random order.
// It counts what a GPU's memory system would be asked for: useful bytes and 32-byte sectors of each warp's request
// (lanes that run the same access for the same time), sectors that the whole launch touches, bank conflicts.
// There is no cache in it: `read.sectors` are requests, `read.memory` what a cache that forgets nothing would fetch.
// Not threads-safe.  tests/kernels/emulator_test.cpp accuses it of not accusing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernels/team/team.hpp"

namespace bsft::kernel {

struct Accusation : std::logic_error {
  using std::logic_error::logic_error;
};

enum class Use { input, output, update };  // read; written before it is read; both

struct Traffic {
  std::int64_t useful = 0;   // bytes that lanes asked for, a byte once a request
  std::int64_t sectors = 0;  // bytes of the sectors of all requests
  std::int64_t memory = 0;   // bytes of the different sectors
};

struct Counts {
  Traffic read, written;
  std::int64_t bank_conflicts = 0, barriers = 0;
  double sector_efficiency() const {
    return double(read.useful + written.useful) / double(read.sectors + written.sectors);
  }
};

class Emulator {
 public:
  // threads: up to 32, or a multiple of 32 up to 1024.
  Emulator(int threads, std::uint64_t seed);
  ~Emulator();

  template <class T>
  void give(std::string const& name, T* p, std::int64_t n, Use use) {
    give(name, reinterpret_cast<std::uintptr_t>(p), std::size_t(n) * sizeof(T), use);
  }
  // Runs body(rank) on each thread of each block; `shared` is poisoned before each.
  void run(std::int64_t blocks, std::byte* shared, std::size_t shared_bytes,
           std::function<void(int rank, std::int64_t block)> const& body);
  Counts const& counts() const { return counts_; }

  // For the running thread.
  int threads() const { return threads_; }
  void sync(Site where);
  void exchange(void* value, std::size_t bytes, int mask, Site where);
  void touch(void const* p, std::size_t bytes, bool write, Site where, std::size_t multiple = 1);

 private:
  struct Cell {  // of one byte: who wrote and read it last
    std::int64_t write_block = -1, read_block = -1;
    std::int32_t writer = -1, write_epoch = -1, reader = -1, read_epoch = -1;
  };
  struct Buffer {
    std::string name;
    std::uintptr_t begin, end;
    Use use;
    bool shared;
    std::vector<Cell> cells;
  };
  struct Fiber;
  struct Kind {  // of access: the same line, direction and width
    Site where;
    bool write;
    std::size_t bytes;
  };
  struct Access {
    std::uintptr_t address;
    std::size_t bytes;
  };
  struct Request {
    bool write, shared;
    int lanes = 0;
    Access lane[warp];
  };

  void give(std::string const& name, std::uintptr_t begin, std::size_t bytes, Use use, bool shared = false);
  void run_block(std::function<void(int, std::int64_t)> const& body);
  void park(int state, Site where);
  bool release_barrier();
  void release_warp(int warp);
  [[noreturn]] void diverged() const;
  [[noreturn]] void accuse(Site where, std::string const& what) const;
  void check(Buffer& buffer, std::uintptr_t address, std::size_t bytes, bool write, Site where);
  std::uint64_t kind(Site where, bool write, std::size_t bytes);
  void count();
  static void entry(unsigned low, unsigned high, unsigned rank);

  int threads_;
  std::uint64_t seed_;
  std::vector<Buffer> buffers_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  struct Main;
  std::unique_ptr<Main> main_;
  std::function<void(int, std::int64_t)> const* body_ = nullptr;
  int current_ = 0;
  std::int32_t epoch_ = 0;
  std::int64_t block_ = 0;
  std::vector<Kind> kinds_;
  std::unordered_map<std::uint64_t, Request> requests_;
  std::unordered_set<std::uintptr_t> sectors_[2];
  Counts counts_;
};

}  // namespace bsft::kernel
