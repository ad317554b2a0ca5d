// Remove old checkpoints: of the published ones the newest `keep` stay, and those that are leased or named by BEST.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bsft {

// The steps removed.  A checkpoint is renamed to a temporary name before it is deleted, so that a reader never sees
// half.
std::vector<std::int64_t> remove_old(std::filesystem::path const& run_dir, std::int64_t keep);

}  // namespace bsft
