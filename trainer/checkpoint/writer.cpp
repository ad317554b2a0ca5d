#include "trainer/checkpoint/writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/ownership.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string const& what, int code) { throw Failed(Exit::io, what, std::strerror(code)); }

// `folder` becomes `target`, in the place of what is there.
void put_in_place(fs::path const& folder, fs::path const& target) {
  if (::rename(folder.c_str(), target.c_str()) == 0) return;
  if (errno != EEXIST && errno != ENOTEMPTY) fail("cannot rename to " + target.string(), errno);
  fs::path const old = target.parent_path() / (".tmp-old-" + target.filename().string());
  std::error_code ignored;
  fs::remove_all(old, ignored);
  if (::renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(folder, ignored);
    return;
  }
  if (::rename(target.c_str(), old.c_str()) != 0 || ::rename(folder.c_str(), target.c_str()) != 0)
    fail("cannot rename to " + target.string(), errno);
  fs::remove_all(old, ignored);
}

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path run_dir, std::int64_t owner)
    : run_dir_(std::move(run_dir)), owner_(owner) {}

FileEntries CheckpointWriter::write(std::int64_t step, std::vector<StagedFile> const& files,
                                    std::stop_token const& stop) const {
  FileEntries entries;
  while_owner([&] {
    fs::path const folder = unfinished_of(run_dir_, owner_, step);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot make " + folder.string(), errno);
    for (StagedFile const& file : files) entries[file.name] = write_new(folder, file, stop);
  });
  return entries;
}

void CheckpointWriter::while_owner(std::function<void()> const& work) const {
  try {
    work();
  } catch (Failed const& error) {
    require_owner(run_dir_, owner_);
    throw Failed(Exit::io, error.what());
  }
}

void CheckpointWriter::check_sizes(Manifest const& manifest, fs::path const& folder) const {
  for (auto const& [name, entry] : manifest.files) {
    std::error_code error;
    auto const bytes = static_cast<std::int64_t>(fs::file_size(folder / name, error));
    if (error || bytes != entry.bytes)
      throw Failed(Exit::io, (folder / name).string() + " is not there as it was written",
                   error ? error.message() : std::to_string(bytes) + " bytes");
  }
}

std::string CheckpointWriter::commit(Manifest manifest) const {
  manifest.owner = owner_;
  fs::path const folder = unfinished_of(run_dir_, owner_, manifest.step);
  fs::path const target = checkpoint_of(run_dir_, manifest.step);
  while_owner([&] {
    check_sizes(manifest, folder);
    write_new(folder, {manifest_name, to_json(manifest), {}});
    sync_path(folder);
    require_owner(run_dir_, owner_);
    put_in_place(folder, target);
    sync_path(target.parent_path());
  });
  try {
    write_atomically(run_dir_ / "LATEST", step_name(manifest.step) + "\n");
  } catch (Error const& error) {
    return error.what();
  }
  return "";
}

void CheckpointWriter::discard(std::int64_t step) const noexcept {
  std::error_code ignored;
  fs::remove_all(unfinished_of(run_dir_, owner_, step), ignored);
}

}  // namespace bsft
