// Try on a file system what a run does there: locks, renames, writes.
//
// Probes write into a folder of their own, which is removed whatever happens; the file of the write rate has no name
// while it is written, so that nothing large stays even of a killed doctor.
// Errors: Failed(io) with the system's words where a probe cannot be made.  Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace bsft::doctor {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start);  // s

class Descriptor {
 public:
  Descriptor(std::filesystem::path const& path, int flags);  // open(2)'s, 0600
  ~Descriptor();
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  int id() const { return id_; }

 private:
  int id_;
};

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

}  // namespace bsft::doctor
