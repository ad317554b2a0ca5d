// What a checkpoint is made of: manifest.json, written last, read first.
//
//   {"format": 3, "step", "epoch", "step_in_epoch", "updates", "empty_batches", "config_digest", "data_digest",
//    "base_digest", "determinism": "D1", "conditions",
//    "consumed": {"digest", "samples"}, "skipped": {"steps", "recent": [step]}, "model_files": {name: XXH3-128},
//    "changes": [{"step", "key", "from", "to"}], "files": {name: {"bytes", "sha256"}}, "digest"}
// consumed: feed/ledger.hpp. skipped: loop/skipped_steps.hpp. model_files: of model.path, without its weights. changes:
// keys that a resume was allowed to change, and the steps done before that.
// `digest` is the XXH3-128 of the rest as text, so that an edited manifest does not pass.  No times, no host names: the
// same state gives the same bytes.
// verify() reads every file again.  Errors: Broken naming the file and what differs.
// Source: reliability.md section 3; tests/checkpoint/manifest_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/feed/ledger.hpp"
#include "trainer/checkpoint/determinism.hpp"

namespace bsft {

struct FileEntry {
  std::int64_t bytes = 0;
  std::string sha256;
};

// From this step on the run was another one, by leave.
struct Change {
  std::int64_t step = 0;
  std::string key, from, to;
};

struct Manifest {
  std::int64_t step = 0, epoch = 0, step_in_epoch = 0, updates = 0, empty_batches = 0;
  std::string config_digest, data_digest;
  std::string base_digest;  // of the base table where it is frozen, else empty
  Determinism determinism;
  Ledger consumed;
  std::int64_t skipped = 0;
  std::vector<std::int64_t> skipped_recently;
  std::map<std::string, std::string> model_files;
  std::vector<Change> changes;
  std::map<std::string, FileEntry> files;
};

constexpr char const* manifest_name = "manifest.json";

std::string to_json(Manifest const& manifest);
Manifest read_manifest(std::filesystem::path const& checkpoint);
FileEntry describe(std::filesystem::path const& file);
void verify(Manifest const& manifest, std::filesystem::path const& checkpoint);

}  // namespace bsft
