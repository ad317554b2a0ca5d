// Where the checkpoints of a run lie.
//
//   RUN/LATEST                          name of the newest, a hint only
//   RUN/checkpoints/step-00000100/      published: complete by construction (renamed into place)
//   RUN/checkpoints/.tmp-step-00000100/ being written; swept when a run starts
//   RUN/checkpoints/.leases/step-…      somebody works with it: retention keeps off
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bsft {

std::string step_name(std::int64_t step);
std::filesystem::path checkpoints_of(std::filesystem::path const& run_dir);
std::filesystem::path checkpoint_of(std::filesystem::path const& run_dir, std::int64_t step);
std::filesystem::path lease_of(std::filesystem::path const& run_dir, std::int64_t step);
// Free bytes that a checkpoint of so many needs: a tenth more, and 16 MiB for its small files.
std::int64_t room_for(std::int64_t bytes);
// Steps of the published checkpoints, ascending.
std::vector<std::int64_t> published_steps(std::filesystem::path const& run_dir);

}  // namespace bsft
