// What the folders of a run can do: locks, renames, write and read rates, room for the checkpoints.
//
//   needed = (keep + 1 being written) checkpoints, each 1.1 · 4 · (frozen + 3 · trainable parameters) + 16 MiB
//   a save = bytes / (write and fsync rate) + bytes / (SHA-256 rate)
// as trainer/checkpoint/writer.cpp writes them: weights and two moments in fp32.
// The run folder need not be there: its first parent that is there is examined (probes.hpp).
// Judgements are pure.  What fails is a finding.  One rank unless it says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "launch/doctor/diagnosis.hpp"
#include "launch/world.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/config/config.hpp"
#include "trainer/model/shape.hpp"

namespace bsft::doctor {

struct CheckpointSize {
  std::int64_t parameters = 0, trainable = 0, bytes = 0;
};
// freeze: as model.freeze.
CheckpointSize checkpoint_size(Shape const& shape, std::int64_t behaviors, std::string const& freeze);

// published: checkpoints that are there already and will be replaced.
Finding judge_space(std::int64_t free, CheckpointSize const& size, std::int64_t keep, std::int64_t published);
// Empty: the default, 1 s.  Seconds between SIGTERM and SIGKILL by mpirun.
double mpirun_grace(std::string const& odls_base_sigkill_timeout);
// Whether a save, after the step that is under way where that is known, fits between SIGTERM and SIGKILL.  After a lost
// rank mpirun waits twice its grace before it ends, so no more than needed is advised.
Finding judge_save(double seconds, Launcher launcher, bool slurm, double grace, double step_seconds = 0);
// What a save of so many bytes will take in this folder.  Writes for at most so many seconds.
double seconds_of_save(std::int64_t bytes, std::filesystem::path const& folder, double most_seconds);
// judge_save by the environment of this process.
Finding judge_save_here(double seconds, Launcher launcher, double step_seconds = 0);

// Reads records drawn at random, as an epoch does.  Errors: those of StoreReader.
Finding probe_data(std::filesystem::path const& file, double most_seconds);

// Of the folder; the last two of the configuration.  Rank 0.
std::vector<Finding> examine_folder(std::filesystem::path const& folder, double most_seconds, Launcher launcher,
                                    Config const* config, std::int64_t behaviors);

// Whether the other ranks see a file that rank 0 makes, and are refused its lock.  Collective.
std::vector<Finding> examine_sharing(Job& job, std::filesystem::path const& folder);

}  // namespace bsft::doctor
