// What a host has and what its ranks take, for hosts and memory groups that no machine of ours has.
#include "launch/host_memory.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t gib = std::int64_t{1} << 30;

struct Machine {
  Scratch root{"host_memory"};
  Machine() { put("proc/meminfo", "MemTotal:  99999999 kB\nMemAvailable:   16777216 kB\nBuffers: 1 kB\n"); }
  void put(std::string const& file, std::string const& text) const {
    fs::create_directories((root / file).parent_path());
    write_atomically(root / file, text);
  }
  std::int64_t available() const { return available_memory(root / ""); }
};

TEST(HostMemory, WhatTheKernelSays) {
  Machine const machine;
  EXPECT_EQ(machine.available(), 16 * gib);
  EXPECT_GT(available_memory(), 0);
  EXPECT_LT(available_memory(), std::int64_t{1} << 50);
}

TEST(HostMemory, TheTightestGroupOfVersion2) {
  Machine const machine;
  machine.put("proc/self/cgroup", "0::/slurm/job_7/step_0\n");
  machine.put("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
  machine.put("sys/fs/cgroup/slurm/job_7/memory.max", std::to_string(8 * gib));
  machine.put("sys/fs/cgroup/slurm/job_7/memory.current", std::to_string(3 * gib));
  machine.put("sys/fs/cgroup/slurm/job_7/memory.stat", "anon 5\ninactive_file " + std::to_string(gib) + "\n");
  EXPECT_EQ(machine.available(), 6 * gib);
  machine.put("sys/fs/cgroup/slurm/memory.max", std::to_string(64 * gib));
  EXPECT_EQ(machine.available(), 6 * gib);
  machine.put("sys/fs/cgroup/slurm/memory.max", std::to_string(2 * gib));
  EXPECT_EQ(machine.available(), 2 * gib);
}

TEST(HostMemory, TheGroupOfVersion1) {
  Machine const machine;
  machine.put("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/job\n0::/y\n");
  machine.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", std::to_string(4 * gib));
  machine.put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", std::to_string(gib));
  EXPECT_EQ(machine.available(), 3 * gib);
}

std::string refusal(std::vector<RankMemory> const& ranks) {
  std::vector<std::string> lines;
  for (RankMemory const& rank : ranks) lines.push_back(to_line(rank));
  try {
    refuse_too_little(memory_from(lines));
  } catch (Invalid const& error) {
    EXPECT_EQ(error.code(), Exit::config);
    return error.what();
  }
  return "";
}

TEST(HostMemory, HostsAreAddedUpApart) {
  auto const on = [](int rank, std::string const& host, double wanted, double available) {
    return RankMemory{rank,
                      {host, "boot-of-" + host},
                      static_cast<std::int64_t>(wanted * gib),
                      static_cast<std::int64_t>(available * gib)};
  };
  EXPECT_EQ(refusal({on(0, "a", 9.4, 10)}), "");
  EXPECT_EQ(refusal({on(0, "a", 9.6, 10)}),
            "the model does not fit into the memory of a (1 rank takes 9830 MiB before any activation, 10240 MiB are "
            "available) use more hosts with fewer ranks each, parallel.zero: 3, or a smaller model");
  EXPECT_EQ(refusal({on(0, "a", 6, 10), on(1, "b", 6, 10)}), "");
  EXPECT_NE(refusal({on(0, "a", 6, 10), on(1, "b", 1, 10), on(2, "a", 6, 11)}).find("a (2 ranks take 12288 MiB"),
            std::string::npos);
}

TEST(HostMemory, ReadsWhatTheKernelSaysOfThisProcess) {
  Scratch const root("memory_record");
  std::filesystem::create_directories(root / "proc/self");
  write_atomically(root / "proc/self/status", "Name:\tbsft\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t2\n");
  ResidentMemory const read = resident_memory(root / "");
  EXPECT_EQ(read.peak, 2 << 20);
  EXPECT_EQ(read.now, 1 << 20);
  EXPECT_EQ(resident_memory(root / "none").peak, 0);
  std::string const block(std::size_t{64} << 20, 'x');  // each page is touched
  ResidentMemory const here = resident_memory();
  EXPECT_GT(here.now, static_cast<std::int64_t>(block.size()));
  EXPECT_GE(here.peak, here.now);
}

}  // namespace
}  // namespace bsft
