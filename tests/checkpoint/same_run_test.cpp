#include "trainer/checkpoint/same_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"
#include "trainer/config/keys.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

struct Case {
  Case() : scratch("same_run") {
    config.model.path = "configs/tiny";
    config.data.file = "somewhere/data.h5";
    write_atomically(scratch / "training_config.yaml", to_yaml(config));
    found.folder = scratch / "";
    found.manifest.step = 8;
    found.manifest.data_digest = "d";
    found.manifest.model_files = files;
  }
  std::vector<std::string> refused(std::vector<std::string> const& allowed = {}, std::string const& data = "d") const {
    try {
      changes_of(found, config, files, data, allowed);
      return {};
    } catch (Findings const& findings) {
      EXPECT_EQ(findings.code(), Exit::resume_mismatch);
      return findings.lines();
    }
  }
  Scratch scratch;
  Config config;
  FoundCheckpoint found;
  std::map<std::string, std::string> files = model_files_of("configs/tiny");
};

TEST(SameRun, TheSameConfigurationIsTheSameRun) {
  Case const one;
  EXPECT_TRUE(one.refused().empty());
  EXPECT_EQ(one.files.size(), 4U) << "config.json, tokenizer.json, tokenizer_config.json and chat_template.jinja";
}

TEST(SameRun, WhatChangesNoBitMayDiffer) {
  Case one;
  one.config.evaluate.every = 7;
  one.config.checkpoint.keep = 9;
  one.config.parallel.zero = 3;
  one.config.parallel.hang_seconds = 5;
  one.config.train.threads_per_rank = 4;
  one.config.run.name = "other";
  one.config.data.file = "elsewhere/data.h5";
  EXPECT_TRUE(one.refused().empty());
}

TEST(SameRun, NamesEveryKeyThatDiffers) {
  Case one;
  one.config.optimizer.learning_rate = 0.5;
  one.config.run.seed = 7;
  std::vector<std::string> const lines = one.refused();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "optimizer.learning_rate is 0.5 (the checkpoint was made with 1e-4)");
  EXPECT_EQ(lines[1], "run.seed is 7 (the checkpoint was made with 1)");
  EXPECT_NE(lines[2].find("--allow-change optimizer.learning_rate; else"), std::string::npos) << lines[2];
}

TEST(SameRun, AnAllowedChangeIsAChange) {
  Case one;
  one.config.optimizer.learning_rate = 0.5;
  one.config.train.max_steps = 99;
  std::vector<Change> const changes =
      changes_of(one.found, one.config, one.files, "d", {"train.max_steps", "optimizer.learning_rate", "kernels"});
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].step, 8);
  EXPECT_EQ(changes[0].key + " " + changes[0].from + " " + changes[0].to, "optimizer.learning_rate 1e-4 0.5");
  EXPECT_EQ(changes[1].key, "train.max_steps");
  EXPECT_EQ(one.refused({"train.max_steps"}).size(), 2U) << "the other key is still refused";
}

TEST(SameRun, OtherDataAndAnotherModelFolderAreNamed) {
  Case one;
  EXPECT_EQ(one.refused({}, "e").at(0),
            "data.file: somewhere/data.h5 is of digest e (the checkpoint was made with one of digest d)");
  EXPECT_TRUE(one.refused({}, "").empty()) << "not known yet";
  one.files["tokenizer.json"] = "t";
  one.files.erase("config.json");
  std::vector<std::string> const lines = one.refused();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].rfind("model.path: config.json in configs/tiny is missing", 0), 0U) << lines[0];
  EXPECT_EQ(lines[1].rfind("model.path: tokenizer.json in configs/tiny is of digest t", 0), 0U) << lines[1];
}

TEST(SameRun, TheSafeKeysExistAndTheOthersAreRefused) {
  std::vector<std::string> const safe = safe_changes(), names = key_names();
  for (std::string const& key : safe) {
    EXPECT_NE(find_key(key), nullptr) << key;
    EXPECT_NO_THROW(require_safe({key}));
  }
  for (std::string const& key : names) {
    bool const decides = key.rfind("data.", 0) == 0 || key.rfind("behavior.", 0) == 0 || key.rfind("model.", 0) == 0 ||
                         key == "run.seed" || key == "train.global_batch_size";
    EXPECT_FALSE(decides && std::find(safe.begin(), safe.end(), key) != safe.end()) << key;
    if (std::find(safe.begin(), safe.end(), key) == safe.end()) {
      EXPECT_THROW(require_safe({safe.front(), key}), Invalid) << key;
    }
  }
  try {
    require_safe({"optimizer.learning_rat"});
    FAIL();
  } catch (Invalid const& error) {
    EXPECT_EQ(error.code(), Exit::usage);
    EXPECT_NE(std::string(error.what()).find("did you mean optimizer.learning_rate?"), std::string::npos);
  }
}

TEST(Manifest, KeepsTheRunsHistory) {
  Scratch const scratch("manifest");
  Manifest manifest;
  manifest.step = 120;
  manifest.consumed.add(3, 4);
  manifest.skipped = 4;
  manifest.skipped_recently = {31, 60, 119, 120};
  manifest.model_files = {{"config.json", "c"}};
  manifest.changes = {{8, "optimizer.learning_rate", "1e-4", "1e-5"}};
  write_atomically(scratch / manifest_name, to_json(manifest));
  Manifest const back = read_manifest(scratch / "");
  EXPECT_EQ(to_json(back), to_json(manifest));
  EXPECT_EQ(back.consumed, manifest.consumed);
  EXPECT_EQ(back.skipped_recently, manifest.skipped_recently);
  EXPECT_EQ(back.changes.at(0).to, "1e-5");
}

}  // namespace
}  // namespace bsft
