// Where the checkpoints of a run lie.
//
//   RUN/LATEST                            name of the newest, a hint only
//   RUN/checkpoints/step-00000100/        published: complete by construction (renamed into place)
//   RUN/checkpoints/.tmp-3-step-00000100/ being written by owner 3; swept when a run starts
//   RUN/checkpoints/.leases/step-…        somebody works with it: retention keeps off
// Their order is that of (owner, step), never of times: who goes on from an older checkpoint overtakes what came after.
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
std::filesystem::path unfinished_of(std::filesystem::path const& run_dir, std::int64_t owner, std::int64_t step);
// Free bytes that a checkpoint of so many needs: a fifth more.
std::int64_t room_for(std::int64_t bytes);
// Failed(io) where there is less.
void require_room(std::filesystem::path const& folder, std::int64_t bytes);
// Steps of the published checkpoints, ascending.
std::vector<std::int64_t> published_steps(std::filesystem::path const& run_dir);
// The same by (owner, step), the newest last; one whose manifest does not say its owner counts as the newest.
std::vector<std::int64_t> published_in_order(std::filesystem::path const& run_dir);
// Whether there are folders of damaged checkpoints.
bool has_corrupt(std::filesystem::path const& run_dir);
// Makes RUN/checkpoints (0700) and removes what an interrupted writer left.
void sweep_unfinished(std::filesystem::path const& run_dir);

}  // namespace bsft
