// Find the checkpoint to go on from, and put the state back.
//
// find_checkpoint: newest to oldest by (owner, step), the first whose manifest and files verify; a damaged one is
// renamed step-….corrupt, never deleted, and told to `warn`.  Broken where checkpoints are there, or were, but none is
// whole: nobody starts from scratch unasked.  Whether it is of the same run is same_run.hpp's.  restore: weights from
// the Hugging Face folder (fp32, the same bits), moments from the state's shards; all ranks read, each what it keeps.
// tests/checkpoint/resume_test.py: the same bits as an
// uninterrupted run, also at another number of ranks.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "trainer/checkpoint/manifest.hpp"
#include "trainer/model/decoder.hpp"
#include "trainer/model/weights.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {

struct FoundCheckpoint {
  std::filesystem::path folder;
  Manifest manifest;
};

// How often a checkpoint is read before it counts as damaged, and what lies between.
struct Tries {
  int most = 1;
  std::chrono::milliseconds pause{0};
};
// By statfs's f_type: a file system whose clients may see what was there before another host's rename gets five tries
// over ten seconds (reliability.md, row 28), any other one.
Tries tries_on(long file_system);

// One rank only.  tries: by the file system of run_dir.
std::optional<FoundCheckpoint> find_checkpoint(std::filesystem::path const& run_dir,
                                               std::function<void(std::string const&)> const& warn,
                                               std::optional<Tries> tries = {});
FoundCheckpoint open_checkpoint(std::filesystem::path const& folder);
void restore(FoundCheckpoint const& found, Decoder& decoder, Optimizer& optimizer, Filled const& filled = {});

}  // namespace bsft
