// What a checkpoint is made of: manifest.json, written last, read first.
//
//   {"format": 2, "step", "epoch", "step_in_epoch", "updates", "empty_batches", "config_digest", "data_digest",
//    "left_out"?, "base_digest", "determinism": "D1", "conditions", "files": {name: {"bytes", "sha256"}}, "digest"}
// `digest` is the XXH3-128 of the rest as text, so that an edited manifest does not pass.  No times, no host names: the
// same state gives the same bytes.
// verify() reads every file again.  Errors: Broken naming the file and what differs.
// Source: reliability.md section 3; tests/checkpoint/manifest_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "trainer/checkpoint/determinism.hpp"

namespace bsft {

struct FileEntry {
  std::int64_t bytes = 0;
  std::string sha256;
};

struct Manifest {
  std::int64_t step = 0, epoch = 0, step_in_epoch = 0, updates = 0, empty_batches = 0;
  std::string config_digest, data_digest;
  std::string left_out;     // digest of the training records left out for damaged chunks, empty where there are none
  std::string base_digest;  // of the base table where it is frozen, else empty
  Determinism determinism;
  std::map<std::string, FileEntry> files;
};

constexpr char const* manifest_name = "manifest.json";

std::string to_json(Manifest const& manifest);
Manifest read_manifest(std::filesystem::path const& checkpoint);
FileEntry describe(std::filesystem::path const& file);
void verify(Manifest const& manifest, std::filesystem::path const& checkpoint);

}  // namespace bsft
