// Whether a run that goes on from a checkpoint is still the same run.
//
//   free     keys that change no bit and no sample may differ: evaluation, when and how many checkpoints, threads,
//            ZeRO's stage, bucket_bytes, names; paths, where what lies there is the same (data.file by its digest,
//            model.path by the digests of its files but the weights)
//   by leave safe_changes(): the same samples are consumed in the same steps and what is learned stays the same, so the
//            state keeps its meaning; how fast, how long, or in which rounding may change.  Each is recorded
//   never    whatever decides which samples a step takes, what they teach, or the model's shape: run.seed, data.*,
//            train.global_batch_size, behavior.*, model.*
// changes_of: what was changed by leave; Findings(resume_mismatch, 76) with a line for each key that differs otherwise.
// Reads the checkpoint's configuration; writes nothing.  tests/checkpoint/same_run_test.cpp, refusals_test.py.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "trainer/checkpoint/manifest.hpp"
#include "trainer/checkpoint/reader.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

std::vector<std::string> safe_changes();
// Invalid(usage) naming the first that is not one of them.
void require_safe(std::vector<std::string> const& keys);

// Digests of config.json and of the tokenizer's and template's files, where they are.
std::map<std::string, std::string> model_files_of(std::filesystem::path const& folder);

// data_digest: of data.file; empty: not known yet.  allowed: keys of --allow-change.
std::vector<Change> changes_of(FoundCheckpoint const& found, Config const& config,
                               std::map<std::string, std::string> const& model_files, std::string const& data_digest,
                               std::vector<std::string> const& allowed);

}  // namespace bsft
