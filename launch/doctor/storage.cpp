#include "launch/doctor/storage.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "data/base/digest.hpp"
#include "data/base/host.hpp"
#include "data/store/reader.hpp"
#include "launch/doctor/probes.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft::doctor {

namespace fs = std::filesystem;

namespace {

std::string decimal_text(double value, char const* unit) {
  char text[48];
  std::snprintf(text, sizeof text, value < 10 ? "%.2f %s" : "%.0f %s", value, unit);
  return text;
}

std::string megabytes(std::int64_t bytes) { return decimal_text(static_cast<double>(bytes) / 1e6, "MB"); }

std::string rate_text(Rate const& rate) { return decimal_text(rate.per_second() / 1e6, "MB/s"); }

// Seconds before the end at which a run should be told, so that a step and a save fit.
int lead_of(double save_seconds) { return static_cast<int>(std::ceil(save_seconds)) + 60; }

Finding judge_lock(std::string const& name, Lock const& lock, Verdict where_not, std::string const& advice) {
  if (lock.excludes) return {name, "a second holder is refused"};
  return {name, lock.error.empty() ? "a second holder is let in" : lock.error, where_not, advice, Exit::io};
}

Finding judge_file_system(fs::path const& folder, std::string const& name) {
  Finding finding{"file system", name + " at " + folder.string()};
  if (name == "tmpfs" || name == "ramfs") {
    finding.verdict = Verdict::note;
    finding.advice = "it is memory: what is saved there is gone with the machine, and takes room from the model";
  } else if (name == "overlay") {
    finding.verdict = Verdict::note;
    finding.advice = "a container's own layer is gone with the container: bind a folder of the host";
  }
  return finding;
}

std::optional<CheckpointSize> size_of(Config const& config, std::int64_t behaviors, std::vector<Finding>& findings) {
  try {
    Shape shape = read_shape(config.model.path);
    if (config.model.init == "random") shape = resized(shape, config.model.shape);
    CheckpointSize const size = checkpoint_size(shape, behaviors, config.model.freeze);
    findings.push_back({"model", config.model.path + ": " + std::to_string(size.parameters) + " parameters, " +
                                     std::to_string(size.trainable) + " of them train; a checkpoint is " +
                                     megabytes(size.bytes)});
    findings.back().numbers = {{"parameters", size.parameters}, {"checkpoint_bytes", size.bytes}};
    return size;
  } catch (std::exception const& error) {
    findings.push_back(failure("model", error));
    findings.back().code = Exit::config;
    findings.back().advice = "check model.path";
    return std::nullopt;
  }
}

void examine_locks(fs::path const& folder, std::vector<Finding>& findings) {
  findings.push_back(judge_lock("flock", probe_flock(folder), Verdict::fail,
                                "a run claims its folder by it: mount with flock, or set another run.dir"));
  findings.push_back(judge_lock("fcntl lock", probe_fcntl(folder), Verdict::note,
                                "not needed: HDF5 files are opened with locking off"));
  std::string const torn = probe_rename(folder);
  if (torn.empty())
    findings.push_back({"rename", "atomic for files and folders"});
  else
    findings.push_back({"rename", torn, Verdict::fail, "set another run.dir", Exit::io});
}

// Nothing where there is no room.
Rate examine_write(fs::path const& folder, std::int64_t free, double most_seconds, std::vector<Finding>& findings) {
  constexpr std::int64_t most_bytes = 256 << 20, least_bytes = 1 << 20;
  std::int64_t const bytes = std::min(most_bytes, free / 4);
  if (bytes < least_bytes) {
    findings.push_back({"write rate", "not measured: no room", Verdict::note});
    return {};
  }
  Rate const write = probe_write(folder, bytes, most_seconds);
  findings.push_back({"write rate", rate_text(write) + " with fsync, over " + megabytes(write.bytes)});
  findings.back().numbers = {{"megabytes_per_second", write.per_second() / 1e6}, {"bytes", write.bytes}};
  return write;
}

double seconds_of(std::int64_t bytes, Rate const& write) {
  auto const b = static_cast<double>(bytes);
  return b / write.per_second() + b / probe_sha256().per_second();
}

}  // namespace

CheckpointSize checkpoint_size(Shape const& s, std::int64_t behaviors, std::string const& freeze) {
  std::int64_t const query = s.heads * s.head_width, key = s.kv_heads * s.head_width;
  std::int64_t layer = 2 * s.width + 2 * query * s.width + 2 * key * s.width + 3 * s.feed_forward * s.width;
  if (s.attention_bias) layer += query + 2 * key;
  std::int64_t const tables = s.vocabulary * s.width * (s.tied ? 1 : 2), body = s.layers * layer + s.width;
  std::int64_t const rows = behaviors * s.width * (s.tied ? 1 : 2);
  CheckpointSize size{tables + body + rows, rows, 0};
  if (freeze != "all") size.trainable += body;
  if (freeze == "none") size.trainable += tables;
  size.bytes = 4 * (size.parameters + 2 * size.trainable);
  return size;
}

Finding judge_space(std::int64_t free, CheckpointSize const& size, std::int64_t keep, std::int64_t published) {
  std::int64_t const one = room_for(size.bytes);
  std::int64_t const missing = std::max<std::int64_t>(1, keep + 1 - published);
  Finding finding{"free space", megabytes(free) + " free, " + megabytes(missing * one) + " needed for " +
                                    std::to_string(missing) + (missing == 1 ? " checkpoint" : " checkpoints")};
  finding.numbers = {{"free_bytes", free}, {"needed_bytes", missing * one}};
  if (free < missing * one) {
    finding.verdict = Verdict::fail;
    finding.code = Exit::io;
    finding.advice = missing > 1 && free >= 2 * one ? "free some, lower checkpoint.keep, or set another run.dir"
                                                    : "free some, or set another run.dir";
  }
  return finding;
}

double mpirun_grace(std::string const& odls_base_sigkill_timeout) {
  char* end = nullptr;
  double const seconds = std::strtod(odls_base_sigkill_timeout.c_str(), &end);
  return end == odls_base_sigkill_timeout.c_str() || seconds < 0 ? 1 : seconds;
}

double seconds_of_save(std::int64_t bytes, fs::path const& folder, double most_seconds) {
  ProbeFolder const probe(folder);
  return seconds_of(bytes, probe_write(probe.path(), bytes, most_seconds));
}

Finding judge_save_here(double seconds, Launcher launcher, double step_seconds) {
  char const* const timeout = std::getenv("OMPI_MCA_odls_base_sigkill_timeout");
  return judge_save(seconds, launcher, std::getenv("SLURM_JOB_ID") != nullptr,
                    mpirun_grace(timeout != nullptr ? timeout : ""), step_seconds);
}

Finding judge_save(double seconds, Launcher launcher, bool slurm, double grace, double step_seconds) {
  double const both = seconds + step_seconds;
  std::string const lead = std::to_string(lead_of(both));
  Finding finding{"time of a save", "about " + decimal_text(seconds, "s")};
  if (step_seconds > 0) finding.found += " after a step of " + decimal_text(step_seconds, "s");
  finding.numbers = {{"save_seconds", seconds}, {"lead_seconds", lead_of(seconds)}};
  if (launcher == Launcher::mpirun) {
    finding.numbers["grace_seconds"] = grace;
    finding.found += "; mpirun kills " + decimal_text(grace, "s") + " after it passes on SIGTERM";
    if (both > grace) {
      finding.verdict = Verdict::warning;
      finding.advice = "bsft launch -- mpirun …, which asks by SIGUSR1, or mpirun --mca odls_base_sigkill_timeout " +
                       std::to_string(static_cast<int>(std::ceil(2 * both)) + 1);
    }
  }
  if (slurm) {
    finding.advice += (finding.advice.empty() ? "" : "; ") + std::string("sbatch --signal=B:USR1@") + lead +
                      " or earlier, which slurm/train.sbatch passes on";
    finding.verdict = std::max(finding.verdict, Verdict::note);
  }
  return finding;
}

Finding probe_data(fs::path const& file, double most_seconds) {
  StoreReader const reader(file);
  reader.require_certificate();
  auto const count = static_cast<std::int64_t>(reader.records().size());
  Rate rate;
  std::int64_t records = 0, tokens = 0;
  auto const start = Clock::now();
  for (; records < count && since(start) < most_seconds; ++records) {
    auto const record =
        static_cast<std::int64_t>(mix(11, static_cast<std::uint64_t>(records)) % static_cast<std::uint64_t>(count));
    auto const length = static_cast<std::int64_t>(reader.read(record).tokens.size());
    tokens += length;
    rate.bytes += length * static_cast<std::int64_t>(sizeof(TokenId) + sizeof(float));
  }
  rate.seconds = since(start);
  double const a_second = rate.seconds > 0 ? static_cast<double>(tokens) / rate.seconds : 0;
  Finding finding{"HDF5 read rate", std::to_string(records) + " draws of " + std::to_string(count) +
                                        " records: " + decimal_text(a_second / 1e6, "M tokens/s") + ", " +
                                        rate_text(rate) + " unpacked (the page cache may help)"};
  finding.numbers = {{"tokens_per_second", a_second},
                     {"megabytes_per_second", rate.per_second() / 1e6},
                     {"records", records},
                     {"behaviors", reader.catalog().behaviors.tokens.size()}};
  return finding;
}

std::vector<Finding> examine_folder(fs::path const& folder, double most_seconds, Launcher launcher,
                                    Config const* config, std::int64_t behaviors) {
  fs::path const place = existing(folder);
  std::vector<Finding> findings = {judge_file_system(place, file_system_of(place))};
  std::optional<CheckpointSize> const size =
      config != nullptr ? size_of(*config, behaviors, findings) : std::optional<CheckpointSize>();
  try {
    ProbeFolder const probe(place);
    findings.push_back({"writable", folder == place ? "yes" : "yes, " + folder.string() + " will be made"});
    examine_locks(probe.path(), findings);
    auto const free = static_cast<std::int64_t>(fs::space(place).available);
    if (size)
      findings.push_back(
          judge_space(free, *size, config->checkpoint.keep, static_cast<std::int64_t>(published_steps(folder).size())));
    else
      findings.push_back({"free space", megabytes(free), Verdict::ok, "--config compares it with the checkpoints"});
    findings.back().numbers["free_bytes"] = free;
    Rate const write = examine_write(probe.path(), free, most_seconds, findings);
    if (size && write.bytes > 0) findings.push_back(judge_save_here(seconds_of(size->bytes, write), launcher));
  } catch (std::exception const& error) {
    findings.push_back(failure("writable", error));
    findings.back().code = Exit::io;
    findings.back().advice = "set another run.dir, or ask for write access";
  }
  return findings;
}

std::vector<Finding> examine_sharing(Job& job, fs::path const& folder) {
  if (job.size() == 1) return {};
  std::unique_ptr<ProbeFolder> probe;
  std::unique_ptr<Descriptor> held;
  std::string path;
  if (job.rank() == 0) {
    try {
      probe = std::make_unique<ProbeFolder>(existing(folder));
      held = std::make_unique<Descriptor>(probe->path() / "lock", O_CREAT | O_RDWR);
      if (::flock(held->id(), LOCK_EX | LOCK_NB) == 0) path = (probe->path() / "lock").string();
    } catch (std::exception const&) {  // said by examine_folder
    }
  }
  path = job.everyone().exchange(path).front();
  if (path.empty()) return {};
  std::string mine;
  if (job.rank() != 0) {
    int file = -1;
    auto const start = Clock::now();
    while ((file = ::open(path.c_str(), O_RDWR | O_CLOEXEC)) < 0 && since(start) < 3)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // a network file system may be late
    if (file < 0)
      mine = std::string("does not see it: ") + std::strerror(errno);
    else if (::flock(file, LOCK_EX | LOCK_NB) == 0)
      mine = "is let in";
    else if (errno != EWOULDBLOCK)
      mine = std::strerror(errno);
    if (file >= 0) ::close(file);
    if (!mine.empty()) mine = "rank " + std::to_string(job.rank()) + " on " + this_host().name + " " + mine;
  }
  for (std::string const& theirs : job.everyone().exchange(mine)) {
    if (theirs.empty()) continue;
    return {{"lock of rank 0", theirs, Verdict::fail,
             "all hosts need one run folder, with locks that hold between them (Lustre: mount with flock)", Exit::io}};
  }
  return {{"lock of rank 0", "seen by all " + std::to_string(job.size()) + " ranks, and none is let in"}};
}

}  // namespace bsft::doctor
