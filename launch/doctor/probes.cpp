#include "launch/doctor/probes.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft::doctor {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(std::string const& what, fs::path const& path, int code) {
  throw Failed(Exit::io, "cannot " + what + " " + path.string(), std::strerror(code), "check run.dir");
}

int lock_file(int file, short kind) {
  struct flock lock {};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file, F_OFD_SETLK, &lock);
}

// statfs(2)'s magic numbers, and Lustre's, GPFS's, BeeGFS's and PanFS's.
constexpr std::pair<std::uint64_t, char const*> file_systems[] = {
    {0xEF53, "ext4"},       {0x58465342, "xfs"},      {0x9123683E, "btrfs"},    {0x2FC12FC1, "zfs"},
    {0x01021994, "tmpfs"},  {0x858458F6, "ramfs"},    {0x794C7630, "overlay"},  {0x6969, "nfs"},
    {0x0BD00BD0, "lustre"}, {0x47504653, "gpfs"},     {0x19830326, "beegfs"},   {0xAAD7AAEA, "panfs"},
    {0x00C36400, "ceph"},   {0xFF534D42, "cifs"},     {0xFE534D42, "smb"},      {0x65735546, "fuse"},
    {0x01021997, "9p"},     {0x6A656A63, "virtiofs"}, {0x73717368, "squashfs"}, {0x9FA0, "proc"},
};

}  // namespace

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Descriptor::Descriptor(fs::path const& path, int flags) : id_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
  if (id_ < 0) fail("open", path, errno);
}
Descriptor::~Descriptor() { ::close(id_); }

std::string file_system_name(std::uint64_t magic) {
  for (auto const& [known, name] : file_systems)
    if (known == magic) return name;
  char text[32];
  std::snprintf(text, sizeof text, "type 0x%llx", static_cast<unsigned long long>(magic));
  return text;
}

std::string file_system_of(fs::path const& path) {
  struct statfs facts {};
  if (::statfs(path.c_str(), &facts) != 0) return "unknown";
  return file_system_name(static_cast<std::uint32_t>(facts.f_type));
}

fs::path existing(fs::path path) {
  std::error_code none;
  path = fs::absolute(path, none).lexically_normal();
  while (!fs::exists(path, none) && path.has_relative_path()) path = path.parent_path();
  return path;
}

ProbeFolder::ProbeFolder(fs::path const& parent) {
  std::string name = (parent / ".bsft-doctor-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail("make a folder in", parent, errno);
  path_ = name;
}

ProbeFolder::~ProbeFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Lock probe_flock(fs::path const& folder) {
  Descriptor const first(folder / "flock", O_CREAT | O_RDWR), second(folder / "flock", O_RDWR);
  if (::flock(first.id(), LOCK_SH | LOCK_NB) != 0) return {false, std::strerror(errno)};
  return {::flock(second.id(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK, ""};
}

Lock probe_fcntl(fs::path const& folder) {
  Descriptor const first(folder / "fcntl", O_CREAT | O_RDWR), second(folder / "fcntl", O_RDWR);
  if (lock_file(first.id(), F_RDLCK) != 0) return {false, std::strerror(errno)};
  return {lock_file(second.id(), F_WRLCK) != 0 && (errno == EAGAIN || errno == EACCES), ""};
}

std::string probe_rename(fs::path const& folder) {
  fs::path const target = folder / "LATEST", before = folder / "open", after = folder / "step-1";
  write_atomically(target, "old");
  std::ifstream reader(target);
  write_atomically(target, "new");
  std::string held;
  reader >> held;
  if (held != "old" || read_file(target, 16) != "new") return "a reader of a renamed file sees neither old nor new";
  fs::create_directory(before);
  write_atomically(before / "file", "x");
  std::error_code error;
  fs::rename(before, after, error);
  if (error) return "a folder cannot be renamed: " + error.message();
  return fs::exists(after / "file") && !fs::exists(before) ? "" : "a renamed folder is in two places";
}

Rate probe_write(fs::path const& folder, std::int64_t most_bytes, double most_seconds) {
  constexpr std::int64_t block_bytes = 4 << 20, flush_bytes = 32 << 20;
  fs::path const path = folder / "write";
  Descriptor const file(path, O_CREAT | O_EXCL | O_WRONLY);
  ::unlink(path.c_str());
  std::string block(static_cast<std::size_t>(block_bytes), '\0');
  for (std::size_t i = 0; i < block.size(); i += 8) {  // nothing that a disk could compress
    std::uint64_t const word = mix(7, i);
    std::memcpy(&block[i], &word, sizeof word);
  }
  Rate rate;
  auto const start = Clock::now();
  while (rate.bytes < most_bytes && since(start) < most_seconds) {
    std::int64_t const wanted = std::min(block_bytes, most_bytes - rate.bytes);
    ssize_t const written = ::write(file.id(), block.data(), static_cast<std::size_t>(wanted));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write to", folder.parent_path(), written < 0 ? errno : ENOSPC);
    rate.bytes += written;
    bool const due = rate.bytes % flush_bytes == 0 || rate.bytes >= most_bytes;
    if (due && ::fsync(file.id()) != 0) fail("flush to", folder.parent_path(), errno);
  }
  if (::fsync(file.id()) != 0) fail("flush to", folder.parent_path(), errno);
  rate.seconds = since(start);
  return rate;
}

std::string shared_locks(fs::path const& file) {
  Descriptor const opened(file, O_RDONLY);
  std::string const flock = ::flock(opened.id(), LOCK_SH | LOCK_NB) == 0 ? "granted" : std::strerror(errno);
  std::string const fcntl = lock_file(opened.id(), F_RDLCK) == 0 ? "granted" : std::strerror(errno);
  return "flock " + flock + ", fcntl " + fcntl;
}

Rate probe_sha256() {
  std::string const block(8 << 20, 'x');
  auto const start = Clock::now();
  sha256_hex(block);
  return {static_cast<std::int64_t>(block.size()), since(start)};
}

}  // namespace bsft::doctor
