// What the folders of a run can do: locks, renames, write and read rates, room for the checkpoints.
//
//   needed = (keep + 1 being written) checkpoints, each 1.1 · 4 · (frozen + 3 · trainable parameters) + 16 MiB
//   a save = bytes / (write and fsync rate) + bytes / (SHA-256 rate)
// as trainer/checkpoint/writer.cpp writes them: weights and two moments in fp32.
// Probes write into a folder of their own under the run folder, or under the first of its parents that is there, and
// remove it whatever happens; the file of the write rate has no name while it is written.
// Errors: Failed(io) with the system's words where a probe cannot be made.  Any thread; one rank unless it says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launch/doctor/diagnosis.hpp"
#include "launch/world.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/config/config.hpp"
#include "trainer/model/shape.hpp"

namespace bsft::doctor {

// "ext4", "nfs", "lustre", … or the number in hexadecimal.
std::string file_system_name(std::uint64_t magic);
std::string file_system_of(std::filesystem::path const& path);
// The path, or the nearest of its parents that is there.
std::filesystem::path existing(std::filesystem::path path);

// A folder for probes, removed with all that is in it.
class ProbeFolder {
 public:
  explicit ProbeFolder(std::filesystem::path const& parent);
  ~ProbeFolder();
  ProbeFolder(ProbeFolder const&) = delete;
  ProbeFolder& operator=(ProbeFolder const&) = delete;
  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Whether a second holder is refused, through two descriptors of this process; the system's words where a lock fails.
struct Lock {
  bool excludes = false;
  std::string error;
};
Lock probe_flock(std::filesystem::path const& folder);
Lock probe_fcntl(std::filesystem::path const& folder);
// What a reader who asks for a shared lock of a file is told.
std::string shared_locks(std::filesystem::path const& file);
// Empty, or how a rename over a file that is open, or of a folder, is not atomic.
std::string probe_rename(std::filesystem::path const& folder);

struct Rate {
  std::int64_t bytes = 0;
  double seconds = 0;
  double per_second() const { return seconds > 0 ? static_cast<double>(bytes) / seconds : 0; }
};
// Blocks of 4 MiB, flushed to the disk every 32 MiB, up to so many bytes or seconds.
Rate probe_write(std::filesystem::path const& folder, std::int64_t most_bytes, double most_seconds);
Rate probe_sha256();

struct CheckpointSize {
  std::int64_t parameters = 0, trainable = 0, bytes = 0;
};
// freeze: as model.freeze.
CheckpointSize checkpoint_size(Shape const& shape, std::int64_t behaviors, std::string const& freeze);

// published: checkpoints that are there already and will be replaced.
Finding judge_space(std::int64_t free, CheckpointSize const& size, std::int64_t keep, std::int64_t published);
// Empty: the default, 1 s.  Seconds between SIGTERM and SIGKILL by mpirun.
double mpirun_grace(std::string const& odls_base_sigkill_timeout);
Finding judge_save(double seconds, Launcher launcher, bool slurm, double grace);

// Reads records drawn at random, as an epoch does.  Errors: those of StoreReader.
Finding probe_data(std::filesystem::path const& file, double most_seconds);

// Of the folder; the last two of the configuration.  Rank 0.
std::vector<Finding> examine_folder(std::filesystem::path const& folder, double most_seconds, Launcher launcher,
                                    Config const* config, std::int64_t behaviors);

// Whether the other ranks see a file that rank 0 makes, and are refused its lock.  Collective.
std::vector<Finding> examine_sharing(Job& job, std::filesystem::path const& folder);

}  // namespace bsft::doctor
