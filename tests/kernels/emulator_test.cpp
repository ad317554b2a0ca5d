// The bodies on the emulated device: no accusation, the same bits under every schedule, the CPU's results, and the
// bytes that kernels/README.md states.  And the emulator itself: broken kernels that it must accuse.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/kernels/emulated.hpp"

namespace bsft::test {
namespace {

using kernel::Accusation;
using kernel::Counts;
using kernel::Emulator;

void expect_as_on_the_cpu(Emulated const& e, std::string const& size, std::vector<int> const& thread_counts) {
  EXPECT_EQ(fault(e, size, thread_counts), "");
}

template <class T>
void sweep(char const* storage) {
  for (std::int64_t cols : {1, 3, 31, 32, 33, 255, 256, 257, 1003, 2048})
    for (auto const& e : kernels_of<T>(cols == 32 ? 64 : cols == 33 ? 37 : 5, cols))
      expect_as_on_the_cpu(e, std::string(storage) + " rows of " + std::to_string(cols), {0, 32});
}

TEST(Emulated, as_on_the_cpu_fp32) { sweep<float>("fp32"); }
TEST(Emulated, as_on_the_cpu_bf16) { sweep<Bf16>("bf16"); }
TEST(Emulated, as_on_the_cpu_in_one_row) {
  for (std::int64_t n : {1, 3, 31, 32, 33, 255, 256, 257, 1003, 40000})
    for (auto const& e : plain_kernels(n)) expect_as_on_the_cpu(e, std::to_string(n) + " elements", {0, 64});
  for (auto const& e : meetings()) expect_as_on_the_cpu(e, "a block", {32, 64});
  for (std::int64_t sequences : {1, 2, 300})
    for (auto const& e : mask_kernels(sequences))
      expect_as_on_the_cpu(e, std::to_string(sequences) + " sequences", {0, 32});
}
TEST(Emulated, blocks_of_every_size) {
  for (auto const& e : kernels_of<float>(3, 1003)) expect_as_on_the_cpu(e, "fp32 rows of 1003", {1, 96, 1024});
  for (auto const& e : kernels_of<Bf16>(3, 8200)) expect_as_on_the_cpu(e, "bf16 rows of 8200", {64});
}

// Aligned rows: the formula's bytes, and whole sectors.
std::string counted(Emulated const& e, char const* storage) {
  Arrays arrays(7);
  Emulator emulator(e.threads, 0);
  e.emulated(arrays, emulator);
  Counts const& c = emulator.counts();
  double const memory = double(c.read.memory + c.written.memory), asked = double(c.read.sectors + c.written.sectors);
  EXPECT_LE(memory, 1.05 * e.minimum) << e.name << ' ' << storage;
  if (!e.ragged) {
    EXPECT_LE(asked, 1.05 * (e.minimum + e.again)) << e.name << ' ' << storage;
    EXPECT_GE(c.sector_efficiency(), 0.95) << e.name << ' ' << storage;
  }
  EXPECT_EQ(c.bank_conflicts, 0) << e.name << ' ' << storage;
  char line[200];
  std::snprintf(line, sizeof line, "| %s | %s | %.3f | %.3f | %.3f |", e.name.c_str(), storage, memory / e.minimum,
                asked / e.minimum, c.sector_efficiency());
  return line;
}

TEST(Emulated, bytes_are_the_formulas) {
  std::ifstream file("kernels/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  auto const judge = [&](std::vector<Emulated> const& list, char const* storage, bool long_rows = false) {
    for (auto const& e : list) {
      if (e.minimum == 0 || (e.name.rfind("CrossEntropy", 0) == 0) != long_rows) continue;
      auto const line = counted(e, storage);
      EXPECT_NE(readme.str().find(line), std::string::npos) << "kernels/README.md lacks this measured line:\n" << line;
    }
  };
  judge(kernels_of<float>(48, 2048, 32), "fp32");
  judge(kernels_of<Bf16>(48, 4096, 32), "bf16");
  judge(kernels_of<float>(3, 49152), "fp32", true);
  judge(kernels_of<Bf16>(3, 49152), "bf16", true);
  judge(plain_kernels(65536), "fp32");
  judge(mask_kernels(32, 2048), "–");
}

// Broken kernels.
struct Broken {
  static constexpr int threads = 64;
  struct Shared {
    int slot[64];
  };
  int* out;
  bool aligned() const { return true; }
};

struct MissingBarrier : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.write(team.shared().slot + team.rank(), team.rank());
    team.write(out + team.rank(), team.read(team.shared().slot + (63 - team.rank())));
  }
};
struct DivergentBarrier : Broken {
  template <class Team>
  void operator()(Team& team) const {
    if (team.rank() < 40) team.sync();
    team.write(out + team.rank(), 1);
  }
};
struct TwoBarriers : Broken {
  template <class Team>
  void operator()(Team& team) const {
    if (team.rank() < 32)
      team.sync();
    else
      team.sync();
  }
};
struct DivergentShuffle : Broken {
  template <class Team>
  void operator()(Team& team) const {
    if (team.rank() % 32 < 16) team.write(out + team.rank(), team.shuffle_xor(1, 1));
  }
};
struct UnwrittenShared : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.write(out + team.rank(), team.read(team.shared().slot + team.rank()));
  }
};
struct UnwrittenOutput : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.write(out + team.rank(), team.read(out + team.rank()) + 1);
  }
};
struct Overrun : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.write(out + team.rank() + 1, 0);
  }
};
struct SharedOverrun : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.write(team.shared().slot + team.rank() + 1, 0);
  }
};
struct BlocksMeet : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.write(out + team.rank(), int(team.block()));
  }
};
struct OddPack : Broken {
  template <class Team>
  void operator()(Team& team) const {
    team.template tiles<float>(0, 8,
                               [&](auto at) { at.store(reinterpret_cast<float*>(out) + 1, kernel::Pack<4>(0.0f)); });
  }
};
struct WarpRace : Broken {  // within a warp, and hidden by every schedule that runs a warp in order
  template <class Team>
  void operator()(Team& team) const {
    team.write(team.shared().slot + team.rank(), team.rank());
    if (team.rank() % 32 > 0) team.write(out + team.rank(), team.read(team.shared().slot + team.rank() - 1));
  }
};

template <class Kernel>
std::string accusation(std::int64_t blocks = 1, Use use = Use::output) {
  std::vector<int> out(64);
  Emulator emulator(64, 0);
  emulator.give("out", out.data(), 64, use);
  Kernel kernel;
  kernel.out = out.data();
  try {
    emulate(emulator, kernel, blocks);
  } catch (Accusation const& a) {
    return a.what();
  }
  return "none";
}

void expect_words(std::string const& got, std::initializer_list<char const*> words) {
  for (char const* word : words) EXPECT_NE(got.find(word), std::string::npos) << "'" << word << "' is not in: " << got;
}

TEST(Emulator, accuses) {
  expect_words(accusation<MissingBarrier>(), {"emulator_test.cpp:", "shared memory", "nobody wrote"});
  expect_words(accusation<WarpRace>(), {"emulator_test.cpp:", "race", "thread 0 that wrote it"});
  expect_words(accusation<DivergentBarrier>(), {"diverged", "from thread 0 sync() at", "from thread 40 returned"});
  expect_words(accusation<TwoBarriers>(), {"diverged", "from thread 32 sync() at"});
  expect_words(accusation<DivergentShuffle>(), {"diverged", "shuffle at", "from thread 16 returned"});
  expect_words(accusation<UnwrittenShared>(), {"reads byte 0 of shared memory, which nobody wrote"});
  expect_words(accusation<UnwrittenOutput>(), {"reads byte 0 of out, which nobody wrote"});
  expect_words(accusation<Overrun>(), {"writes 4 bytes outside what was given", "byte 256 of out of 256"});
  expect_words(accusation<SharedOverrun>(), {"byte 256 of shared memory of 256"});
  expect_words(accusation<BlocksMeet>(2), {"race with another block"});
  expect_words(accusation<OddPack>(), {"odd address"});
  expect_words(accusation<BlocksMeet>(1, Use::input), {"writes the input out"});
}

struct Strided : Broken {
  std::int64_t stride;
  template <class Team>
  void operator()(Team& team) const {
    team.write(team.shared().slot + team.rank(), team.read(out + team.rank() * stride));
  }
};
struct Conflicting : Broken {
  template <class Team>
  void operator()(Team& team) const {
    if (team.rank() < 4) team.write(team.shared().slot + team.rank() * 16, 1);
  }
};

template <class Kernel>
Counts counts(Kernel kernel) {
  std::vector<int> memory(64 * 16 + 8);
  int* const out = memory.data() + (8 - reinterpret_cast<std::uintptr_t>(memory.data()) / 4 % 8) % 8;
  Emulator emulator(64, 0);
  emulator.give("out", out, 64 * 16, Use::input);
  kernel.out = out;
  emulate(emulator, kernel, 1);
  return emulator.counts();
}

TEST(Emulator, counts_sectors_and_banks) {
  auto const dense = counts(Strided{{}, 1}), sparse = counts(Strided{{}, 8}), same = counts(Strided{{}, 0});
  EXPECT_EQ(dense.read.sectors, 64 * 4);
  EXPECT_DOUBLE_EQ(dense.sector_efficiency(), 1);
  EXPECT_EQ(sparse.read.sectors, 64 * 32);
  EXPECT_DOUBLE_EQ(sparse.sector_efficiency(), 1.0 / 8);
  EXPECT_EQ(same.read.sectors, 2 * 32);  // a request a warp
  EXPECT_EQ(same.read.memory, 32);
  EXPECT_EQ(same.read.useful, 2 * 4);
  EXPECT_EQ(dense.bank_conflicts, 0);
  EXPECT_EQ(counts(Conflicting{}).bank_conflicts, 1);  // banks 0, 16, 0, 16
}

}  // namespace
}  // namespace bsft::test
