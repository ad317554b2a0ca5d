// Publish a checkpoint: all of it, or nothing.
//
// 1 sweep and make .tmp-step-…  2 the Hugging Face folder (config.json, tokenizer files, model.safetensors), the
// training state and the configuration  3 fsync of each file  4 manifest.json with their SHA-256, fsync of it and of
// the folder 5 rename to step-…, fsync of the parent  6 LATEST.  A reader sees the old checkpoints or the new one,
// whatever is killed.
//   training_state.safetensors   moment1.<parameter>, moment2.<parameter>, fp32, in the parameters' shapes
// Requires: called on one rank only.  Errors: Failed(io) where the disk is too small or a call fails; the temporary
// folder is removed then. Source: reliability.md section 3; tests/checkpoint/writer_test.cpp (a kill between any two
// files leaves the old one), tests/checkpoint/transformers_test.py (transformers opens it, logits within 1e-4).
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "data/tokenizer/behavior_map.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/config/config.hpp"
#include "trainer/model/decoder.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {

class CheckpointWriter {
 public:
  // source: the folder whose config.json and tokenizer the model came with.  after(place): called after each stage; the
  // tests' place to fail.
  CheckpointWriter(std::filesystem::path run_dir, std::filesystem::path source, BehaviorMap behaviors,
                   std::string config, std::int64_t keep, std::function<void(std::string const& place)> after = {});

  // `manifest` without its files; all moments.  Returns the published folder; then retention.  A step that is published
  // already is left as it is.
  std::filesystem::path write(Manifest manifest, Decoder const& decoder, Moments const& moments);

 private:
  void fill(std::filesystem::path const& folder, Manifest& manifest, Decoder const& decoder, Moments const& moments);
  void passed(std::string const& place) const;

  std::filesystem::path run_dir_, source_;
  BehaviorMap behaviors_;
  std::string config_;
  std::int64_t keep_;
  std::function<void(std::string const&)> after_;
};

// Removes what an interrupted writer left.
void sweep_unfinished(std::filesystem::path const& run_dir);

}  // namespace bsft
