// What a checkpoint is made of: manifest.json, written last, read first.
//
//   {"format": 3, "owner", "step", "epoch", "step_in_epoch", "updates", "empty_batches", "config_digest",
//    "data_digest", "left_out"?, "base_digest", "determinism": "D1", "conditions", "shards", "files": {name: {"bytes",
//    "sha256"}}, "digest"}
// `owner` counts the jobs that have had the run's folder (ownership.hpp).  `digest` is the XXH3-128 of the rest as
// text; a manifest is whole where its bytes are those that to_json makes of what it says.  No times, no host names: the
// same state under the same owner gives the same bytes. verify() reads every file again.  Errors: Broken naming the
// file and what differs. Source: reliability.md section 3; grammar with an example in format.md;
// tests/checkpoint/damage_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/checkpoint/determinism.hpp"
#include "trainer/checkpoint/staged_file.hpp"

namespace bsft {

struct Manifest {
  std::int64_t owner = 0;
  std::int64_t step = 0, epoch = 0, step_in_epoch = 0, updates = 0, empty_batches = 0;
  std::string config_digest, data_digest;
  std::string left_out;     // digest of the training records left out for damaged chunks, empty where there are none
  std::string base_digest;  // of the base table where it is frozen, else empty
  Determinism determinism;
  int shards = 1;  // of the training state
  FileEntries files;
};

constexpr char const* manifest_name = "manifest.json";

std::string to_json(Manifest const& manifest);
Manifest read_manifest(std::filesystem::path const& checkpoint);
void verify(Manifest const& manifest, std::filesystem::path const& checkpoint);

}  // namespace bsft
