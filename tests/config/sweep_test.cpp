// A sweep file becomes arms in the file's order, each named by its configuration; what is wrong is said with its place.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "data/base/error.hpp"
#include "trainer/config/sweep.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

class SweepFiles : public testing::Test {
 protected:
  SweepFiles() {
    folder_ = fs::temp_directory_path() / ("bsft_sweep_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "sweeps");
    std::ofstream(folder_ / "base.yaml") << "model: {path: m}\ndata: {file: d.h5}\n";
  }
  ~SweepFiles() override { fs::remove_all(folder_); }

  Sweep read(std::string const& text) const {
    std::ofstream(folder_ / "sweeps" / "s.yaml") << text;
    return read_sweep(folder_ / "sweeps" / "s.yaml", Files::may_lack);
  }
  std::string refusal(std::string const& text) const {
    try {
      read(text);
    } catch (Findings const& error) {
      EXPECT_EQ(error.code(), Exit::config);
      std::string all;
      for (std::string line : error.lines()) {
        std::string const head = (folder_ / "sweeps" / "s.yaml").string();
        if (line.rfind(head, 0) == 0) line.erase(0, head.size());
        all += (all.empty() ? "" : "\n") + line;
      }
      return all;
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(SweepFiles, ProductInFileOrder) {
  Sweep const sweep = read(
      "base: ../base.yaml\n"
      "grid: {behavior.loss_weight: [0, 4], run.name: [a, b]}\n"
      "pairs: [{optimizer.learning_rate: 1e-3, scheduler.warmup: 5}, {optimizer.learning_rate: 2e-3}]\n"
      "seeds: [1, 2, 3]\n");
  ASSERT_EQ(sweep.arms.size(), 2u * 2 * 2 * 3);
  EXPECT_EQ(sweep.name, "s");
  EXPECT_EQ(sweep.metric, "suites.full.overall.macro_f1_tasks");
  Arm const& second = sweep.arms[1];
  EXPECT_EQ(second.config.run.seed, 2u);
  EXPECT_EQ(second.config.behavior.loss_weight, 0);
  EXPECT_EQ(second.config.scheduler.warmup, 5);
  EXPECT_EQ(sweep.arms[3].config.optimizer.learning_rate, 2e-3);
  EXPECT_EQ(sweep.arms[3].config.scheduler.warmup, SchedulerConfig{}.warmup);
  EXPECT_EQ(sweep.arms[6].config.run.name, "b");
  EXPECT_EQ(sweep.arms[12].config.behavior.loss_weight, 4);
  EXPECT_EQ(second.keys, (std::vector<std::pair<std::string, std::string>>{{"behavior.loss_weight", "0"},
                                                                           {"run.name", "a"},
                                                                           {"optimizer.learning_rate", "0.001"},
                                                                           {"scheduler.warmup", "5"},
                                                                           {"run.seed", "2"}}));
  EXPECT_EQ(second.digest, digest_of(second.config));
  EXPECT_EQ(sweep.slurm, nullptr);
}

TEST_F(SweepFiles, ArmsAreNamed) {
  Sweep const sweep = read(
      "base: ../base.yaml\n"
      "grid: {behavior.loss_weight: [1, 4], train.max_steps: [9]}\n"
      "arms: {sft: {behavior.set: [none], evaluate.arm: sft}, selection: {}}\n"
      "seeds: [1, 2]\n");
  std::vector<std::string> names;
  for (Arm const& arm : sweep.arms) names.push_back(arm.name);
  std::vector<std::string> const wanted{"sft behavior.loss_weight=1",       "sft behavior.loss_weight=1",
                                        "sft behavior.loss_weight=4",       "sft behavior.loss_weight=4",
                                        "selection behavior.loss_weight=1", "selection behavior.loss_weight=1",
                                        "selection behavior.loss_weight=4", "selection behavior.loss_weight=4"};
  EXPECT_EQ(names, wanted);
  EXPECT_EQ(sweep.arms[0].config.behavior.set, std::vector<std::string>{"none"});
  EXPECT_EQ(sweep.arms[7].config.train.max_steps, 9);
  EXPECT_EQ(read("base: ../base.yaml\nseeds: [1, 2]\n").arms[1].name, "s");
}

TEST_F(SweepFiles, BaseAloneIsOneArm) { EXPECT_EQ(read("base: ../base.yaml\n").arms.size(), 1u); }

TEST_F(SweepFiles, ExcludesWhatHasAllValues) {
  Sweep const sweep = read(
      "base: ../base.yaml\n"
      "arms: {sft: {behavior.set: [none], evaluate.arm: sft}, selection: {}}\n"
      "grid: {behavior.loss_weight: [0, 1, 4]}\n"
      "seeds: [1, 2]\n"
      "exclude: [{behavior.set: [none], behavior.loss_weight: 4.0}, {run.seed: 2, behavior.loss_weight: 0}]\n");
  std::vector<std::string> left;
  for (Arm const& arm : sweep.arms) left.push_back(arm.name + " " + std::to_string(arm.config.run.seed));
  EXPECT_EQ(left,
            (std::vector<std::string>{"sft behavior.loss_weight=0 1", "sft behavior.loss_weight=1 1",
                                      "sft behavior.loss_weight=1 2", "selection behavior.loss_weight=0 1",
                                      "selection behavior.loss_weight=1 1", "selection behavior.loss_weight=1 2",
                                      "selection behavior.loss_weight=4 1", "selection behavior.loss_weight=4 2"}));
}

TEST_F(SweepFiles, ExcludesWhatCannotBe) {
  std::string const text = "base: ../base.yaml\ngrid: {parallel.lanes: [8, 6], run.seed: [1, 2]}\n";
  EXPECT_NE(refusal(text), "");
  EXPECT_EQ(read(text + "exclude: [{parallel.lanes: 6}]").arms.size(), 2u);
}

TEST_F(SweepFiles, SlurmIsKeptForSubmit) {
  Sweep const sweep = read("base: ../base.yaml\nslurm: {partition: gpu}\n");
  ASSERT_NE(sweep.slurm, nullptr);
  EXPECT_EQ(sweep.slurm->entries.front().key, "partition");
}

TEST_F(SweepFiles, RungsAreScoredCheckpoints) {
  std::string const text = "base: ../base.yaml\ngrid: {checkpoint.every: [4], train.max_steps: [12]}\nhalving: ";
  Halving const halving = read(text + "{rungs: [4, 8], keep: 0.25}").halving;
  EXPECT_EQ(halving.rungs, (std::vector<std::int64_t>{4, 8}));
  EXPECT_EQ(halving.keep, 0.25);
  EXPECT_EQ(read(text + "{rungs: [4]}").halving.keep, 0.5);
  EXPECT_EQ(refusal(text + "{rungs: [4, 6]}"),
            ":3:10: halving (step 6 is not scored: no multiple of checkpoint.every x evaluate.every)");
  EXPECT_EQ(refusal(text + "{rungs: [12]}"), ":3:10: halving (step 12 is not before train.max_steps: 12)");
  EXPECT_EQ(refusal(text + "{rungs: [8, 4]}"),
            ":3:18: rungs (a list of steps is expected, ascending) write [400, 800]");
  EXPECT_EQ(refusal(text + "{rungs: [4], keep: 1}"), ":3:29: keep: 1 (out of range) allowed: more than 0, less than 1");
  EXPECT_EQ(refusal(text + "{rung: [4]}"), ":3:11: unknown key rung (halving has rungs, keep)");
  EXPECT_EQ(refusal(text + "{rungs: [4]}\nmetric: suites.full.overall.accuracy"),
            ":3:10: halving (the metric is not evaluate.metric, which is scored while training)");
}

TEST_F(SweepFiles, DigestsFollowTheConfiguration) {
  std::string const before = read("base: ../base.yaml\nseeds: [1, 2]\n").arms[1].digest;
  EXPECT_EQ(read("base: ../base.yaml\nseeds: [3, 2]\n").arms[1].digest, before);
  std::ofstream(folder_ / "base.yaml") << "model: {path: m}\ndata: {file: d.h5}\noptimizer: {beta1: 0.8}\n";
  EXPECT_NE(read("base: ../base.yaml\nseeds: [1, 2]\n").arms[1].digest, before);
}

TEST_F(SweepFiles, Refused) {
  EXPECT_EQ(refusal("seeds: [1]"), ": base is missing (the configuration that all arms share) write base: FILE.yaml");
  EXPECT_EQ(refusal("base: ../base.yaml\nsedes: [1]"),
            ":2:1: unknown key sedes (a sweep has base, arms, grid, pairs, seeds, exclude, metric, halving, slurm) did "
            "you mean "
            "seeds?");
  EXPECT_EQ(refusal("base: ../base.yaml\narms: [a]"), ":2:7: arms (a map of name: {key: value} is expected)");
  EXPECT_EQ(refusal("base: ../base.yaml\narms: {a: 1}"), ":2:11: arms (each is a map of keys) write {key: value, …}");
  EXPECT_EQ(refusal("base: ../base.yaml\nslurm: gpu"), ":2:8: slurm (a map of key: value is expected)");
  EXPECT_EQ(refusal("base: ../base.yaml\nexclude: {}"),
            ":2:10: exclude (a list of maps of keys) write [{key: value, …}]");
  EXPECT_EQ(refusal("base: ../base.yaml\nexclude: [{}]"),
            ":2:11: exclude (it would leave out every run) name a key and a value");
  EXPECT_EQ(refusal("base: ../base.yaml\nseeds: [1, 2]\nexclude: [{run.seed: 1}, {run.seed: 3}]"),
            ":3:26: exclude (no run has these values) correct it, or remove it");
  EXPECT_EQ(refusal("base: ../base.yaml\nexclude: [{run.sed: 1}]"),
            ":2:21: unknown key run.sed (bsft config keys lists all) did you mean run.seed?");
  EXPECT_EQ(refusal("base: ../base.yaml\nseeds: [1, 2]\nexclude: [{run.seed: 1}, {run.seed: 2}]"),
            ": exclude (it leaves no run) remove a part of it");
  EXPECT_EQ(refusal("base: ../base.yaml\nmetric: suites.hard.overall.macro_f1_tasks"),
            ":2:9: metric suites.hard.overall.macro_f1_tasks (suite hard is not scored) name the suite in "
            "evaluate.suites");
  EXPECT_EQ(refusal("base: ../base.yaml\ngrid: {evaluate.suites: [[full], []]}\nmetric: suites.full.overall.accuracy"),
            ":3:9: metric suites.full.overall.accuracy (evaluate.suites is empty) name the suite in evaluate.suites");
  EXPECT_EQ(refusal("base: ../base.yaml\nseeds: 1"), ":2:8: seeds (a list of values is expected) write [a, b]");
  EXPECT_EQ(refusal("base: ../base.yaml\nseeds: []"), ":2:8: seeds (a list of values is expected) write [a, b]");
  EXPECT_EQ(refusal("base: ../base.yaml\ngrid: {run.sed: [1]}"),
            ":2:18: unknown key run.sed (bsft config keys lists all) did you mean run.seed?");
  EXPECT_EQ(refusal("base: ../base.yaml\ngrid: {run.seed: [1, 010]}"),
            ":2:22: run.seed: 010 (a leading zero: octal to some readers) write it without");
  EXPECT_EQ(refusal("base: ../base.yaml\nseeds: [1, 2, 1]"),
            ":2:15: arm 3 repeats arm 1 (they resolve to the same configuration) remove one value");
  EXPECT_EQ(refusal("base: ../base.yaml\ngrid: {parallel.lanes: [8, 6]}\nseeds: [1, 2]"),
            ":2:28: parallel.lanes: 6 (a power of two where parallel.reduction is exact) write 1, 2, 4, 8, …");
  EXPECT_EQ(refusal("base: none.yaml"),
            (folder_ / "sweeps" / "none.yaml").string() + ": cannot open (No such file or directory) check the path");
  std::string many = "base: ../base.yaml\ngrid: {train.max_steps: [";
  for (int i = 1; i <= 101; ++i) many += std::to_string(i) + ", ";
  many += "], run.seed: [";
  for (int i = 1; i <= 101; ++i) many += std::to_string(i) + ", ";
  EXPECT_EQ(refusal(many + "]}"), ": too many arms (at most 10000)");
}

TEST_F(SweepFiles, SeedTwiceIsADuplicate) {
  EXPECT_NE(refusal("base: ../base.yaml\ngrid: {run.seed: [1]}\nseeds: [2]").find("duplicate key run.seed"),
            std::string::npos);
}

}  // namespace
}  // namespace bsft
