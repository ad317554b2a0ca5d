// Save checkpoints while training goes on: each trainer rank's thread writes its part, and all commit together.
//
//   begin    copies are taken; a thread of this rank writes its files
//   part     none, writing, written or failed: what this rank's notes of a step tell the others (metrics.hpp)
//   finish   when all have said so, or when a save must be waited for: joins the thread, exchanges names, sizes and
//            hashes, rank 0 commits or removes what was written, and all know how it ended
// One save at a time.  Old checkpoints are removed by a thread of rank 0 afterwards.
// Collective over `group`: finish(), all_wrote_within(); all ranks begin and finish after the same steps.
// Errors: what fails on disk is an outcome, not an exception.  The destructor stops a thread that still writes and
// waits for it; what it wrote is swept when the run goes on. Source: reliability.md section 3;
// tests/checkpoint/saver_test.cpp, tests/checkpoint/resume_test.py.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/checkpoint/writer.hpp"
#include "trainer/comm/communicator.hpp"

namespace bsft {

struct SaveOutcome {
  std::int64_t step = 0;
  Exit code = Exit::done;  // done: it is published
  std::string error;       // of the first rank that failed
  std::string warning;     // of rank 0 alone
};

class Saver {
 public:
  enum class Part { none, writing, written, failed };

  // `group` must outlive it.
  Saver(Communicator& group, CheckpointWriter writer, std::filesystem::path run_dir, Retention keep);
  ~Saver();
  Saver(Saver const&) = delete;
  Saver& operator=(Saver const&) = delete;

  bool under_way() const { return part() != Part::none; }
  std::int64_t step() const { return manifest_.step; }  // of the save under way
  Part part() const { return part_; }
  // `manifest` without files; what `files` looks into stays as it is until finish() has returned.
  void begin(Manifest manifest, std::vector<StagedFile> files);
  SaveOutcome finish();
  // Whether all ranks have written, or failed to, within so many seconds.  Collective.
  bool all_wrote_within(double seconds);
  // Returns when no old checkpoint is being removed any more.
  void wait_for_removal();

 private:
  void fail(Exit code, std::string const& error);
  void commit(std::vector<std::string> const& parts, SaveOutcome& outcome);

  Communicator& group_;
  CheckpointWriter writer_;
  std::filesystem::path run_dir_;
  Retention keep_;
  Manifest manifest_;
  FileEntries entries_;
  std::string error_;
  std::atomic<Part> part_ = Part::none;
  std::jthread writing_, removing_;
};

}  // namespace bsft
