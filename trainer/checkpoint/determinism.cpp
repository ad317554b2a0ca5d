#include "trainer/checkpoint/determinism.hpp"

#include <ATen/Version.h>
#include <torch/version.h>

#include <algorithm>
#include <fstream>
#include <map>

namespace bsft {
namespace {

// "GenuineIntel 6/143": matrix products choose their code by it.
std::string cpu() {
  std::map<std::string, std::string> first;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {
    std::size_t const colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    first[line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1)] = line.substr(colon + 2);
  }
  if (!first.contains("vendor_id")) return "CPU";
  return first["vendor_id"] + " " + first["cpu family"] + "/" + first["model"];
}

}  // namespace

std::string name(Level level) { return "D" + std::to_string(static_cast<int>(level)); }

Level level_named(std::string const& text) {
  for (Level const level : {Level::D0, Level::D1, Level::D2}) {
    if (name(level) == text) return level;
  }
  return Level::D3;
}

std::string promise(Level level) {
  switch (level) {
    case Level::D0:
      return "the same bits on the same number of ranks";
    case Level::D1:
      return "the same bits on any legal number of ranks";
    case Level::D2:
      return "the same order of samples, close losses";
    default:
      return "the same order of samples";
  }
}

Determinism determinism_of(Reduction reduction, bool on_device, int ranks, std::int64_t bucket_bytes) {
  std::string const machine = cpu() + " " + at::get_cpu_capability() + ", libtorch " TORCH_VERSION;
  if (on_device) return {Level::D3, machine + ", on devices"};
  if (reduction == Reduction::exact) return {Level::D1, machine};
  return {Level::D0,
          machine + ", " + std::to_string(ranks) + " ranks, buckets of " + std::to_string(bucket_bytes) + " bytes"};
}

Determinism resumed(Determinism const& before, Determinism const& now) {
  Level const lower = std::max(before.level, now.level);
  return {before.conditions == now.conditions ? lower : std::max(lower, Level::D2), now.conditions};
}

}  // namespace bsft
