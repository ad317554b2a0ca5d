// Compare the memory that the ranks of a host will certainly take with what that host can still give.
//
// available_memory: MemAvailable, or what a memory group of this process (cgroup 1 or 2, also an ancestor's, as Slurm
// sets them) has left where that is less; file pages that the kernel can drop count as free.  Bytes, the largest number
// where nothing says.  resident_memory: of this process, zeros where /proc does not say.  `root` is / but for tests.
// refuse_too_little: Invalid(config) where the ranks of one host want more than 95 % of what it has, by the least that
// one of them sees.  Pure.  Any thread.  Source: reliability.md, row 29; tests/launch/host_memory_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/base/host.hpp"

namespace bsft {

struct RankMemory {
  int rank = 0;
  Host host;
  std::int64_t wanted = 0, available = 0;  // bytes
};

struct ResidentMemory {
  std::int64_t now = 0, peak = 0;  // bytes
};

ResidentMemory resident_memory(std::filesystem::path const& root = "/");
std::int64_t available_memory(std::filesystem::path const& root = "/");
std::string to_line(RankMemory const& memory);
std::vector<RankMemory> memory_from(std::vector<std::string> const& lines);
void refuse_too_little(std::vector<RankMemory> const& ranks);

}  // namespace bsft
