#include "trainer/checkpoint/retention.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include "trainer/checkpoint/layout.hpp"

namespace bsft {

namespace fs = std::filesystem;

std::vector<std::int64_t> remove_old(fs::path const& run_dir, std::int64_t keep) {
  std::vector<std::int64_t> const steps = published_steps(run_dir);
  auto const newest = static_cast<std::size_t>(std::max<std::int64_t>(keep, 1));
  std::string best;
  std::ifstream(run_dir / "BEST") >> best;
  std::vector<std::int64_t> removed;
  for (std::size_t i = 0; i + newest < steps.size(); ++i) {
    std::int64_t const step = steps[i];
    std::error_code error;
    if (best.find(step_name(step)) != std::string::npos || fs::exists(lease_of(run_dir, step), error)) continue;
    fs::path const doomed = checkpoints_of(run_dir) / (".tmp-" + step_name(step));
    fs::rename(checkpoint_of(run_dir, step), doomed, error);
    if (error) continue;  // next time
    fs::remove_all(doomed, error);
    removed.push_back(step);
  }
  return removed;
}

}  // namespace bsft
