#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/tokenizer/behavior_map.hpp"
#include "tests/base/scratch.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/reader.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/checkpoint/run_directory.hpp"
#include "trainer/checkpoint/writer.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;
fs::path const source = "configs/tiny";

BehaviorMap behaviors() {
  Tokenizer const tokenizer(source);
  std::vector<BehaviorSpec> const specs{{"reactive", "<|reactive|>", "answer"},
                                        {"proactive", "<|proactive|>", "speak up"}};
  return assign_behavior_ids(specs, tokenizer, static_cast<TokenId>(read_shape(source).vocabulary));
}

// A small model with an optimizer that has moved it, different for each step.
struct State {
  explicit State(std::int64_t step) {
    at::set_num_threads(1);
    ShapeConfig sizes;
    sizes.hidden_size = 16;
    sizes.intermediate_size = 24;
    sizes.num_hidden_layers = 1;
    sizes.num_attention_heads = sizes.num_key_value_heads = 2;
    std::vector<TokenId> ids;
    for (BehaviorToken const& token : behaviors().tokens) ids.push_back(token.id);
    model = std::make_unique<Decoder>(resized(read_shape(source), sizes), ids, "none");
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
  }
  std::unique_ptr<Decoder> model;
  std::unique_ptr<Optimizer> optimizer;
  Manifest manifest;
};

CheckpointWriter writer_of(fs::path const& run, std::int64_t keep = 10,
                           std::function<void(std::string const&)> after = {}) {
  return {run, source, behaviors(), "run: {}\n", keep, std::move(after)};
}
void write(fs::path const& run, std::int64_t step, std::int64_t keep = 10) {
  State const state(step);
  writer_of(run, keep).write(state.manifest, *state.model, state.optimizer->moments());
}
std::optional<FoundCheckpoint> find(fs::path const& run, std::vector<std::string>* warnings = nullptr) {
  return find_checkpoint(run, [&](std::string const& line) {
    if (warnings != nullptr) warnings->push_back(line);
  });
}
void flip_byte(fs::path const& file, std::int64_t at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(at);
  char const old = static_cast<char>(stream.get());
  stream.seekp(at);
  stream.put(static_cast<char>(old ^ 1));
}

TEST(Checkpoint, RestoresTheSameBits) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  State const state(3);
  writer_of(run).write(state.manifest, *state.model, state.optimizer->moments());
  State other(0);
  auto const found = find(run);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->manifest.step, 3);
  restore(*found, *other.model, *other.optimizer);
  EXPECT_TRUE(at::equal(other.model->flat(), state.model->flat()));
  EXPECT_TRUE(at::equal(other.optimizer->moments().first, state.optimizer->moments().first));
  EXPECT_TRUE(at::equal(other.optimizer->moments().second, state.optimizer->moments().second));
  EXPECT_EQ(other.optimizer->updates(), 3);
  EXPECT_EQ(read_file(run / "LATEST"), "step-00000003\n");
}

TEST(Checkpoint, AKillBetweenAnyTwoFilesLeavesTheOldOneOrTheNew) {
  std::vector<std::string> const places{"export", "model", "state", "config", "manifest", "rename", "latest"};
  for (std::string const& place : places) {
    Scratch const scratch("checkpoint");
    fs::path const run = scratch / "run";
    write(run, 1);
    pid_t const child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      State const state(2);
      writer_of(run, 10, [&](std::string const& now) {
        if (now == place) ::_exit(9);
      }).write(state.manifest, *state.model, state.optimizer->moments());
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 9) << place << " was not passed";
    bool const published = place == "rename" || place == "latest";
    std::vector<std::string> warnings;
    auto const found = find(run, &warnings);
    ASSERT_TRUE(found.has_value()) << place;
    EXPECT_EQ(found->manifest.step, published ? 2 : 1) << place;
    EXPECT_TRUE(warnings.empty()) << place;
    sweep_unfinished(run);
    for (auto const& entry : fs::directory_iterator(checkpoints_of(run))) {
      EXPECT_NE(entry.path().filename().string().rfind(".tmp-", 0), 0U) << place;
    }
    write(run, 2);  // the next attempt succeeds
    EXPECT_EQ(find(run)->manifest.step, 2);
  }
}

TEST(Checkpoint, AFailedWriteLeavesNothingBehind) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  State const state(1);
  CheckpointWriter writer = writer_of(run, 10, [](std::string const& now) {
    if (now == "state") throw Failed(Exit::io, "disk full");
  });
  EXPECT_THROW(writer.write(state.manifest, *state.model, state.optimizer->moments()), Failed);
  EXPECT_FALSE(fs::exists(checkpoints_of(run) / ".tmp-step-00000001"));
  EXPECT_TRUE(published_steps(run).empty());
}

TEST(Checkpoint, DamageIsFoundAndTheOlderOneTaken) {
  char const* const files[] = {"model.safetensors", "training_state.safetensors", "config.json", "manifest.json",
                               "training_config.yaml"};
  for (char const* file : files) {
    for (std::string const& damage : {"flip", "truncate", "remove"}) {
      Scratch const scratch("checkpoint");
      fs::path const run = scratch / "run";
      write(run, 1);
      write(run, 2);
      fs::path const victim = checkpoint_of(run, 2) / file;
      auto const size = static_cast<std::int64_t>(fs::file_size(victim));
      if (damage == "flip") flip_byte(victim, size / 2);
      if (damage == "truncate") fs::resize_file(victim, static_cast<std::uintmax_t>(size - 1));
      if (damage == "remove") fs::remove(victim);
      bool const only_space = damage == "truncate" && victim.filename() == "manifest.json";  // its last newline
      std::vector<std::string> warnings;
      auto const found = find(run, &warnings);
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->manifest.step, only_space ? 2 : 1) << file << " " << damage;
      if (only_space) continue;
      ASSERT_EQ(warnings.size(), 1U);
      EXPECT_NE(warnings.front().find(file), std::string::npos) << warnings.front();
      EXPECT_TRUE(fs::exists(checkpoint_of(run, 2).string() + ".corrupt"));
    }
  }
}

TEST(Checkpoint, NoneWholeIsAnErrorNotAFreshStart) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  EXPECT_FALSE(find(run).has_value());
  write(run, 1);
  flip_byte(checkpoint_of(run, 1) / "model.safetensors", 1000);
  EXPECT_THROW(find(run), Broken);
}

TEST(Manifest, AnEditedOneIsRefused) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  write(run, 5);
  fs::path const file = checkpoint_of(run, 5) / manifest_name;
  std::string text = read_file(file);
  text.replace(text.find("\"step\": 5"), 9, "\"step\": 6");
  write_atomically(file, text);
  EXPECT_THROW(read_manifest(checkpoint_of(run, 5)), Broken);
}

TEST(Retention, KeepsTheNewestLeasedAndBest) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  for (std::int64_t step : {0, 10, 20, 30, 40, 50}) write(run, step);
  for (std::int64_t step : {0, 20}) write_atomically(lease_of(run, step), "");
  write_atomically(run / "BEST", "step-00000010\n");
  EXPECT_EQ(remove_old(run, 2), std::vector<std::int64_t>{30});
  EXPECT_EQ(published_steps(run), (std::vector<std::int64_t>{0, 10, 20, 40, 50}));
  fs::remove(lease_of(run, 20));
  EXPECT_EQ(remove_old(run, 0), (std::vector<std::int64_t>{20, 40})) << "the newest always stays";
}

TEST(Retention, TheWriterAppliesIt) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";
  for (std::int64_t step : {1, 2, 3}) write(run, step, 2);
  EXPECT_EQ(published_steps(run), (std::vector<std::int64_t>{2, 3}));
}

TEST(RunDirectory, IsOneJobsAndIsNotOverwritten) {
  Scratch const scratch("checkpoint");
  fs::path const run = scratch / "run";

  {
    RunDirectory const mine(run, Existing::refuse);
    EXPECT_THROW(RunDirectory(run, Existing::resume), Invalid);
  }
  { RunDirectory const again(run, Existing::refuse); }  // a lock that nobody holds is free
  write_atomically(run / "metrics.jsonl", "");
  try {
    RunDirectory const other(run, Existing::refuse);
    FAIL() << "a run was overwritten";
  } catch (Invalid const& error) {
    EXPECT_EQ(error.code(), Exit::locked);
  }
  RunDirectory const resumed(run, Existing::resume);
}

}  // namespace
}  // namespace bsft
