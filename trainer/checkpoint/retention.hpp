// Remove old checkpoints: of the published ones the newest stay, every k-th step's, and those that are leased or named
// by BEST.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bsft {

struct Retention {
  std::int64_t newest = 2;  // at least 1
  std::int64_t every = 0;   // the checkpoints of steps that are its multiples stay; 0: none for that
};

// The steps removed.  A checkpoint is renamed to a temporary name before it is deleted, so that a reader never sees
// half.  Nothing is thrown: what cannot be removed is there the next time.
std::vector<std::int64_t> remove_old(std::filesystem::path const& run_dir, Retention const& keep) noexcept;

}  // namespace bsft
