// Put a checkpoint on disk: all of it, or nothing that a reader takes for one.
//
//   write    of each rank: its files into checkpoints/.tmp-<owner>-<step>/ (write_new)
//   commit   of one rank, when all have written: sizes as written, manifest.json, fsync of it and of the folder, this
//            owner is still the last (ownership.hpp), rename to step-…, fsync of the parent; then LATEST, a hint whose
//            failure is only told
//   discard  instead of commit
// A reader sees the old checkpoints or the new one, whatever is killed or fails in between.  A checkpoint of the same
// step by an earlier owner changes place with the new one at once (renameat2) and is removed.
// Errors: Failed(io) with errno's words; Invalid(locked, 73) where this owner is no longer the last.  discard throws
// none.
// Any thread; the calls of one step one after another.
// Source: reliability.md section 3; tests/fault/save_test.cpp makes every call of a save fail.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "trainer/checkpoint/manifest.hpp"
#include "trainer/checkpoint/staged_file.hpp"

namespace bsft {

class CheckpointWriter {
 public:
  // run_dir must have its checkpoints folder (sweep_unfinished).
  CheckpointWriter(std::filesystem::path run_dir, std::int64_t owner);

  FileEntries write(std::int64_t step, std::vector<StagedFile> const& files, std::stop_token const& stop = {}) const;
  // `manifest` with the files of all ranks.  A warning, empty where all is well.
  std::string commit(Manifest manifest) const;
  void discard(std::int64_t step) const noexcept;

 private:
  // What fails because the next owner swept the folder is that, not the disk.
  void while_owner(std::function<void()> const& work) const;
  void check_sizes(Manifest const& manifest, std::filesystem::path const& folder) const;

  std::filesystem::path run_dir_;
  std::int64_t owner_;
};

}  // namespace bsft
