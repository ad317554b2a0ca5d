// Prove what a run folder says of itself: that what was interrupted and resumed consumed what was planned.
//
//   a checkpoint   its files have the manifest's hashes; its configuration is the manifest's; the digest of consumed
//                  samples is the one that (seed, order, step) plans, recomputed from data.file; every step is an
//                  update, an empty batch or a skipped step
//   metrics.jsonl  each step once, from the first on; its records and skipped steps are the checkpoints'
//   evaluations.jsonl  a checkpoint's model is scored once on a split, and each that was due is scored
// A run that was begun from another folder's checkpoint has its metrics from there on (events.jsonl says so).  Reads
// only; also while the run goes on.
// Errors: Invalid(usage) where the folder holds no run.  Source: reliability.md R3; tests/checkpoint/verify_test.py.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trainer/report/table.hpp"

namespace bsft {

struct RunProof {
  Table table;
  std::vector<std::string> differences;   // empty: none
  std::optional<std::string> not_proved;  // why the samples could not be compared
};

// data: where the data file lies now; empty: as the configuration says.
RunProof verify_run(std::filesystem::path const& run_dir, std::filesystem::path const& data);

}  // namespace bsft
