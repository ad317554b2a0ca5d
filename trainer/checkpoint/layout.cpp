#include "trainer/checkpoint/layout.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace bsft {

namespace fs = std::filesystem;

std::string step_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08" PRId64, step);
  return name;
}

fs::path checkpoints_of(fs::path const& run_dir) { return run_dir / "checkpoints"; }
fs::path checkpoint_of(fs::path const& run_dir, std::int64_t step) { return checkpoints_of(run_dir) / step_name(step); }
fs::path lease_of(fs::path const& run_dir, std::int64_t step) {
  return checkpoints_of(run_dir) / ".leases" / step_name(step);
}

std::int64_t room_for(std::int64_t bytes) { return bytes + bytes / 10 + (std::int64_t{16} << 20); }

std::vector<std::int64_t> published_steps(fs::path const& run_dir) {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator entry(checkpoints_of(run_dir), error), end; !error && entry != end;
       entry.increment(error)) {
    std::string const name = entry->path().filename().string();
    std::int64_t step = -1;
    if (std::sscanf(name.c_str(), "step-%" SCNd64, &step) == 1 && step >= 0 && name == step_name(step)) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

}  // namespace bsft
