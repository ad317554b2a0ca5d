#include "trainer/checkpoint/retention.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include "trainer/checkpoint/layout.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

// The lease first: who scores a checkpoint names it in BEST before it gives up the lease.
bool is_held(fs::path const& run_dir, std::int64_t step) {
  std::error_code error;
  if (fs::exists(lease_of(run_dir, step), error) || error) return true;
  std::string best;
  std::ifstream(run_dir / "BEST") >> best;
  return best.find(step_name(step)) != std::string::npos;
}

}  // namespace

std::vector<std::int64_t> remove_old(fs::path const& run_dir, Retention const& keep) noexcept {
  std::vector<std::int64_t> removed;
  try {
    std::vector<std::int64_t> const steps = published_in_order(run_dir);
    auto const newest = static_cast<std::size_t>(std::max<std::int64_t>(keep.newest, 1));
    for (std::size_t i = 0; i + newest < steps.size(); ++i) {
      std::int64_t const step = steps[i];
      if (keep.every > 0 && step > 0 && step % keep.every == 0) continue;
      if (is_held(run_dir, step)) continue;
      fs::path const doomed = checkpoints_of(run_dir) / (".tmp-old-" + step_name(step));
      std::error_code error;
      fs::remove_all(doomed, error);
      fs::rename(checkpoint_of(run_dir, step), doomed, error);
      if (error) continue;
      fs::remove_all(doomed, error);
      removed.push_back(step);
    }
  } catch (std::exception const&) {
  }
  return removed;
}

}  // namespace bsft
