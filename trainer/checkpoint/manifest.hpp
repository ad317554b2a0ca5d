// What a checkpoint is made of: manifest.json, written last, read first.
//
//   {"format": 3, "owner", "step", "epoch", "step_in_epoch", "updates", "empty_batches", "config_digest",
//    "data_digest", "left_out"?, "base_digest", "determinism": "D1", "conditions", "shards",
//    "consumed": {"digest", "samples"}, "skipped": {"steps", "recent": [step]}, "model_files": {name: XXH3-128},
//    "changes": [{"step", "key", "from", "to"}], "files": {name: {"bytes", "sha256"}}, "digest"}
// owner counts the jobs that have had the run's folder (ownership.hpp).  consumed: feed/ledger.hpp.  skipped:
// loop/skipped_steps.hpp.  model_files: of model.path, without its weights.  changes: keys that a resume was allowed to
// change, and the steps done before that.
// digest is the XXH3-128 of the rest as text; a manifest is whole where its bytes are those that to_json makes of what
// it says.  No times, no host names: the same state under the same owner gives the same bytes. verify() reads every
// file again.  Errors: Broken naming the file and what differs. Source: reliability.md section 3; grammar with an
// example in format.md; tests/checkpoint/damage_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/feed/ledger.hpp"
#include "trainer/checkpoint/determinism.hpp"
#include "trainer/checkpoint/staged_file.hpp"

namespace bsft {

// From this step on the run was another one, by leave.
struct Change {
  std::int64_t step = 0;
  std::string key, from, to;
};

struct Manifest {
  std::int64_t owner = 0;
  std::int64_t step = 0, epoch = 0, step_in_epoch = 0, updates = 0, empty_batches = 0;
  std::string config_digest, data_digest;
  std::string left_out;     // digest of the training records left out for damaged chunks, empty where there are none
  std::string base_digest;  // of the base table where it is frozen, else empty
  Determinism determinism;
  int shards = 1;  // of the training state
  Ledger consumed;
  std::int64_t skipped = 0;
  std::vector<std::int64_t> skipped_recently;
  std::map<std::string, std::string> model_files;
  std::vector<Change> changes;
  FileEntries files;
};

constexpr char const* manifest_name = "manifest.json";

std::string to_json(Manifest const& manifest);
Manifest read_manifest(std::filesystem::path const& checkpoint);
void verify(Manifest const& manifest, std::filesystem::path const& checkpoint);

}  // namespace bsft
