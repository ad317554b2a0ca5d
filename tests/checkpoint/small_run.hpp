// A run folder with a small model whose state differs from step to step, saved as training saves it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/base/file.hpp"
#include "trainer/checkpoint/host_copy.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/reader.hpp"
#include "trainer/checkpoint/run_directory.hpp"
#include "trainer/checkpoint/saver.hpp"
#include "trainer/model/weights.hpp"

namespace bsft::testing {

namespace fs = std::filesystem;

inline BehaviorMap small_behaviors() {
  Tokenizer const tokenizer("configs/tiny");
  std::vector<BehaviorSpec> const specs{{"reactive", "<|reactive|>", "answer"},
                                        {"proactive", "<|proactive|>", "speak up"}};
  return assign_behavior_ids(specs, tokenizer, static_cast<TokenId>(read_shape("configs/tiny").vocabulary));
}

// After `step` updates.
struct SmallState {
  explicit SmallState(std::int64_t step) {
    at::set_num_threads(1);
    ShapeConfig sizes;
    sizes.hidden_size = 16;
    sizes.intermediate_size = 24;
    sizes.num_hidden_layers = 1;
    sizes.num_attention_heads = sizes.num_key_value_heads = 2;
    static BehaviorMap const behaviors = small_behaviors();
    std::vector<TokenId> ids;
    for (BehaviorToken const& token : behaviors.tokens) ids.push_back(token.id);
    model = std::make_unique<Decoder>(resized(read_shape("configs/tiny"), sizes), ids, "none");
    initialise_random(*model, 4);
    initialise_behavior_rows(*model, "random", {}, 4);
    optimizer = std::make_unique<Optimizer>(*model, OptimizerConfig{});
    for (Parameter const& p : model->parameters()) {  // rows of the table at behaviour ids are never used: no gradient
      model->flat_gradient()
          .slice(0, p.offset, p.offset + p.value.numel())
          .fill_(p.name == "model.embed_tokens.weight" ? 0 : 0.01);
    }
    for (std::int64_t s = 0; s < step; ++s) optimizer->update(1e-2, 0.1);
    manifest.step = step;
    manifest.updates = optimizer->updates();
    manifest.config_digest = "c";
    manifest.data_digest = "d";
    files = exported_files(*model, behaviors, "configs/tiny");
    files["training_config.yaml"] = "run: {}\n";
  }

  // In blocks so small that every shard has something.
  Buckets buckets() const { return buckets_of(model->flat().numel(), model->behaviors_begin(), 16 << 10, 64); }
  MomentSource moments() const {
    return [this](at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& into) {
      optimizer->give(which, offset, into);
    };
  }
  bool same(SmallState const& other) const {
    return at::equal(model->flat(), other.model->flat()) &&
           at::equal(optimizer->moments().first, other.optimizer->moments().first) &&
           at::equal(optimizer->moments().second, other.optimizer->moments().second) &&
           optimizer->updates() == other.optimizer->updates();
  }

  std::unique_ptr<Decoder> model;
  std::unique_ptr<Optimizer> optimizer;
  Manifest manifest;
  ExportedFiles files;
};

// One that saves into a folder which it has claimed.
struct SmallRun {
  static constexpr int shards = 4;

  explicit SmallRun(fs::path const& folder, Retention keep = {10, 0})
      : claim(folder, Existing::resume), group(self_communicator()) {
    sweep_unfinished(folder);
    saver.emplace(*group, CheckpointWriter(folder, claim.owner()), folder, keep);
  }
  SaveOutcome save(SmallState const& state) {
    HostCopy copy(*state.model, state.buckets(), share_of(0, 1, shards));
    copy.take(state.moments());
    std::vector<StagedFile> files = copy.files();
    for (auto const& [name, content] : state.files) files.push_back({name, "", {content}});
    Manifest manifest = state.manifest;
    manifest.shards = shards;
    saver->begin(manifest, files);
    SaveOutcome outcome = saver->finish();
    saver->wait_for_removal();
    return outcome;
  }

  RunDirectory claim;
  std::unique_ptr<Communicator> group;
  std::optional<Saver> saver;
};

inline void save(fs::path const& folder, std::int64_t step, Retention keep = {10, 0}) {
  SaveOutcome const outcome = SmallRun(folder, keep).save(SmallState(step));
  ASSERT_EQ(outcome.code, Exit::done) << outcome.error;
}

inline std::optional<FoundCheckpoint> find(fs::path const& folder, std::vector<std::string>* warnings = nullptr) {
  return find_checkpoint(folder, [&](std::string const& line) {
    if (warnings != nullptr) warnings->push_back(line);
  });
}

// Whether the newest whole checkpoint is this state, to the bit.
inline bool holds(fs::path const& folder, SmallState const& wanted) {
  auto const found = find(folder);
  if (!found || found->manifest.step != wanted.manifest.step) return false;
  SmallState state(0);
  restore(*found, *state.model, *state.optimizer);
  return state.same(wanted);
}

}  // namespace bsft::testing
