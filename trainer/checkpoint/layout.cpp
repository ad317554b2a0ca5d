#include "trainer/checkpoint/layout.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "data/base/error.hpp"
#include "trainer/checkpoint/manifest.hpp"

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

fs::path unfinished_of(fs::path const& run_dir, std::int64_t owner, std::int64_t step) {
  return checkpoints_of(run_dir) / (".tmp-" + std::to_string(owner) + "-" + step_name(step));
}

std::int64_t room_for(std::int64_t bytes) { return bytes + bytes / 5; }

void require_room(fs::path const& folder, std::int64_t bytes) {
  auto const free = static_cast<std::int64_t>(fs::space(folder).available);
  if (free >= room_for(bytes)) return;
  throw Failed(Exit::io, "no room for a checkpoint in " + folder.string(),
               std::to_string(room_for(bytes) >> 10) + " KiB needed, " + std::to_string(free >> 10) + " KiB free",
               "free some, or set another run.dir");
}

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

std::vector<std::int64_t> published_in_order(fs::path const& run_dir) {
  std::vector<std::pair<std::int64_t, std::int64_t>> order;  // (owner, step)
  for (std::int64_t const step : published_steps(run_dir)) {
    std::int64_t owner = std::numeric_limits<std::int64_t>::max();
    try {
      owner = read_manifest(checkpoint_of(run_dir, step)).owner;
    } catch (Error const&) {  // whoever opens it says so
    }
    order.emplace_back(owner, step);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> steps;
  for (auto const& [owner, step] : order) steps.push_back(step);
  return steps;
}

bool has_corrupt(fs::path const& run_dir) {
  std::error_code error;
  for (fs::directory_iterator entry(checkpoints_of(run_dir), error), end; !error && entry != end;
       entry.increment(error)) {
    std::string const name = entry->path().filename().string();
    if (name.starts_with("step-") && name.find(".corrupt") != std::string::npos) return true;
  }
  return false;
}

void sweep_unfinished(fs::path const& run_dir) {
  fs::path const folder = checkpoints_of(run_dir);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw Failed(Exit::io, "cannot make " + folder.string(), std::strerror(errno), "check run.dir");
  std::vector<fs::path> left;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with(".tmp-")) left.push_back(entry->path());
  }
  // Out of the way first: one who lost the folder may be about to publish what is removed here.
  fs::path const swept = folder / ".tmp-swept";
  fs::remove_all(swept, error);
  for (fs::path const& one : left) {
    fs::rename(one, swept, error);
    fs::remove_all(swept, error);
  }
}

}  // namespace bsft
