// Every refusal of a configuration: its one line with file, line and column, and exit code 78.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "data/base/error.hpp"
#include "trainer/config/config.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

// A folder with a model and a data file that exist, and one configuration written into it.
class Refusals : public testing::Test {
 protected:
  Refusals() {
    folder_ = fs::temp_directory_path() / ("bsft_config_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "model");
    for (char const* name : {"config.json", "tokenizer.json", "model.safetensors"})
      write(folder_ / "model" / name, "{}");
    write(folder_ / "data.h5", "");
  }
  ~Refusals() override { fs::remove_all(folder_); }

  static void write(fs::path const& file, std::string const& text) { std::ofstream(file) << text; }

  std::string base() const {
    return "model: {path: " + (folder_ / "model").string() + "}\ndata: {file: " + (folder_ / "data.h5").string() +
           "}\n";
  }

  // The findings about `text`, the file's name cut off: "3:1: unknown key …".
  std::vector<std::string> findings(std::string const& text, std::vector<std::string> const& overrides = {}) const {
    fs::path const file = folder_ / "c.yaml";
    write(file, text);
    try {
      read_config(file, overrides);
    } catch (Findings const& error) {
      EXPECT_EQ(error.code(), Exit::config);
      EXPECT_EQ(static_cast<int>(error.code()), 78);
      std::vector<std::string> lines = error.lines();
      for (std::string& line : lines) {
        EXPECT_EQ(line.find('\n'), std::string::npos);
        std::string const head = file.string() + ":";
        if (line.rfind(head, 0) == 0) line.erase(0, head.size());
      }
      return lines;
    }
    return {};
  }

  // Lines 1 and 2 are the base; `text` starts on line 3.
  void expect_one(std::string const& text, std::string const& line,
                  std::vector<std::string> const& overrides = {}) const {
    std::vector<std::string> const found = findings(base() + text, overrides);
    ASSERT_EQ(found.size(), 1u) << text << "\n" << testing::PrintToString(found);
    EXPECT_EQ(found[0], line) << text;
  }

  fs::path folder_;
};

TEST_F(Refusals, TheBaseIsRight) { EXPECT_TRUE(findings(base()).empty()) << testing::PrintToString(findings(base())); }

TEST_F(Refusals, UnknownKeys) {
  expect_one("optimizer: {lerning_rate: 1e-4}",
             "3:13: unknown key optimizer.lerning_rate (bsft config keys lists all) "
             "did you mean optimizer.learning_rate?");
  expect_one("optimiser: {learning_rate: 1e-4}",
             "3:1: unknown key optimiser (bsft config keys lists all) did you mean optimizer?");
  expect_one("learning_rate: 1e-4",
             "3:1: unknown key learning_rate (another section has it) write optimizer.learning_rate");
  expect_one("zzzzzzzzzz: 1", "3:1: unknown key zzzzzzzzzz (bsft config keys lists all)");
  expect_one("train.max_steps: 5",
             "3:1: key train.max_steps with a dot (sections are nested) write train: {max_steps: …}");
  expect_one("train: 5", "3:8: train (a section of keys) write train: {key: value}");
}

TEST_F(Refusals, OtherToolsNames) {
  std::string const no_micro =
      "here it is train.global_batch_size: there is no micro-batch size: a step is "
      "train.global_batch_size records, cut into passes of train.max_tokens_per_pass tokens";
  expect_one("train: {per_device_train_batch_size: 4}",
             "3:9: unknown key train.per_device_train_batch_size (a name of Hugging Face) " + no_micro);
  expect_one("micro_batch_size: 2", "3:1: unknown key micro_batch_size (a name of axolotl) " + no_micro);
  expect_one("gradient_accumulation_steps: 2",
             "3:1: unknown key gradient_accumulation_steps (a name of several tools) " + no_micro);
  expect_one("sample_packing: true",
             "3:1: unknown key sample_packing (a name of axolotl) there is no packing switch: "
             "records are never padded and cannot see each other");
  expect_one("sequence_len: 512", "3:1: unknown key sequence_len (a name of axolotl) here it is data.max_length");
  expect_one("num_train_epochs: 3",
             "3:1: unknown key num_train_epochs (a name of Hugging Face) here it is train.num_epochs");
  expect_one("scheduler: {warmup_ratio: 0.1}",
             "3:13: unknown key scheduler.warmup_ratio (a name of Hugging Face) "
             "here it is scheduler.warmup: below 1: a share of the steps");
  expect_one("optimizer: {lr: 1e-4}",
             "3:13: unknown key optimizer.lr (a name of several tools) here it is optimizer.learning_rate");
  expect_one("lora_r: 8",
             "3:1: unknown key lora_r (a name of several tools) here it is model.adapter: lora is not built yet, nor "
             "is its rank");
}

TEST_F(Refusals, DuplicateKeys) {
  expect_one("train: {max_steps: 1, max_steps: 2}",
             "3:23: duplicate key max_steps (first at " + (folder_ / "c.yaml").string() + ":3:9) keep one of them");
  expect_one("train: {}\ntrain: {}",
             "4:1: duplicate key train (first at " + (folder_ / "c.yaml").string() + ":3:1) keep one of them");
  expect_one("", "--set:2: duplicate key run.seed (first at --set:1) keep one of them", {"run.seed=1", "run.seed=2"});
}

TEST_F(Refusals, WrongTypes) {
  expect_one("run: {seed: 010}", "3:13: run.seed: 010 (a leading zero: octal to some readers) write it without");
  expect_one("run: {seed: 0x10}", "3:13: run.seed: 0x10 (not a number) write a whole number");
  expect_one("run: {seed: -1}", "3:13: run.seed: -1 (too small)");
  expect_one("run: {seed: 18446744073709551616}", "3:13: run.seed: 18446744073709551616 (too large)");
  expect_one("train: {max_steps: 1e3}", "3:20: train.max_steps: 1e3 (not a whole number) write it with digits only");
  expect_one("train: {max_steps: 2.0}", "3:20: train.max_steps: 2.0 (not a whole number) write it with digits only");
  expect_one("train: {max_steps: \"5\"}",
             "3:20: train.max_steps: \"5\" (text in quotes where a whole number is expected) remove the quotes");
  expect_one("train: {max_steps: many}", "3:20: train.max_steps: many (not a number) write a whole number");
  expect_one("train: {max_steps: [5]}", "3:20: train.max_steps: a list (wrong type) write a whole number");
  expect_one("train:\n  max_steps:", "4:3: train.max_steps: nothing (wrong type) write a whole number");
  expect_one("behavior: {in_loss: yes}", "3:21: behavior.in_loss: yes (not true or false) write true");
  expect_one("behavior: {in_loss: Off}", "3:21: behavior.in_loss: Off (not true or false) write false");
  expect_one("behavior: {in_loss: \"true\"}", "3:21: behavior.in_loss: \"true\" (not true or false) write true");
  expect_one("evaluate: {suites: full}", "3:20: evaluate.suites: full (a list is expected) write [full]");
  expect_one("evaluate: {suites: [full, full]}", "3:20: evaluate.suites: full (twice in a list) remove one");
  expect_one("run: {name: {a: b}}", "3:13: run.name: a map (wrong type) write text");
  expect_one("run: {dir: }", "3:7: run.dir: nothing (wrong type) write text, or \"\" for none");
}

TEST_F(Refusals, RangesAndChoices) {
  expect_one("optimizer: {learning_rate: 0}", "3:28: optimizer.learning_rate: 0 (out of range) allowed: > 0, <= 10");
  expect_one("optimizer: {beta2: 1}", "3:20: optimizer.beta2: 1 (out of range) allowed: >= 0, < 1");
  expect_one("optimizer: {learning_rate: .inf}", "3:28: optimizer.learning_rate: .inf (not finite) write a number");
  expect_one("optimizer: {learning_rate: .NaN}", "3:28: optimizer.learning_rate: .NaN (not finite) write a number");
  expect_one("optimizer: {learning_rate: 1e999}",
             "3:28: optimizer.learning_rate: 1e999 (not a double) too large or too near zero");
  expect_one("scheduler: {type: cosin}",
             "3:19: scheduler.type: cosin (one of cosine, linear, constant) did you mean cosine?");
  expect_one("evaluate: {conditions: [self, sometimes]}",
             "3:24: evaluate.conditions: sometimes (one of self, right, wrong, none)");
  expect_one("parallel: {evaluator_ranks: 2000}",
             "3:29: parallel.evaluator_ranks: 2000 (out of range) allowed: 0 … 1024");
}

TEST_F(Refusals, NotBuiltYet) {
  expect_one("model: {adapter: lora}\n",
             "3:1: duplicate key model (first at " + (folder_ / "c.yaml").string() + ":1:1) keep one of them");
  expect_one("", "--set:1: model.adapter: lora (not built yet) write none", {"model.adapter=lora"});
  expect_one("", "--set:1: model.dtype: bfloat16 (not built yet) write float32", {"model.dtype=bfloat16"});
  expect_one("parallel: {zero: 2, backend: nccl}",
             "3:12: parallel.zero: 2 with parallel.backend: nccl (a device's memory cannot be given back in parts yet) "
             "write parallel.zero: 0 or 1");
}

TEST_F(Refusals, Contradictions) {
  expect_one("",
             "--set:1: model.shape with model.init: pretrained (the folder's weights have their own shape) "
             "remove model.shape, or write model.init: random",
             {"model.shape.hidden_size=64"});
  expect_one("parallel: {lanes: 6}",
             "3:12: parallel.lanes: 6 (a power of two where parallel.reduction is exact) write 1, 2, 4, 8, …");
  expect_one("train: {global_batch_size: 4}",
             "3:9: train.global_batch_size: 4 (less than parallel.lanes: 8) give each lane a record");
  expect_one("evaluate: {suites: []}\nparallel: {evaluator_ranks: 1}",
             "4:12: parallel.evaluator_ranks: 1 with nothing to "
             "evaluate (evaluate.suites is empty) name a suite and a condition, or write 0");
  expect_one("evaluate: {patience: 3}",
             "3:12: evaluate.patience: 3 with evaluate.policy: every (where a run ends would depend on how fast it is "
             "scored) write evaluate.policy: wait");
  expect_one("evaluate: {patience: 3, policy: wait}",
             "3:12: evaluate.patience: 3 with checkpoint.every: 0 (nothing is scored before the end) set "
             "checkpoint.every, or write evaluate.patience: 0");
  expect_one("evaluate: {suites: [hard]}",
             "3:12: evaluate.metric: suites.full.overall.macro_f1_tasks (not of a suite in "
             "evaluate.suites) write suites.NAME.overall.macro_f1_tasks");
  expect_one(
      "behavior: {set: [none]}",
      "3:12: evaluate.arm: behavior with behavior.set: [none] (there is no token to choose) write evaluate.arm: sft");
  expect_one(
      "behavior: {in_loss: false, loss_weight: 4}",
      "3:28: behavior.loss_weight with behavior.in_loss: false (the weight would do nothing) remove one of them");
  expect_one("train: {num_epochs: 0}",
             "3:9: train.num_epochs: 0 and train.max_steps: 0 (no step would be made) set one of them; evaluate.arm: zero_shot or instruction need none");
  expect_one("train: {max_steps: 10}\nscheduler: {warmup: 20}",
             "4:13: scheduler.warmup: 20 (more steps than train.max_steps: 10) write a share below 1, or fewer steps");
  expect_one("scheduler: {warmup: 1.5}",
             "3:13: scheduler.warmup: 1.5 (from 1 on it counts steps) write a whole number");
  expect_one("run: {name: ../x}",
             "3:7: run.name: \"../x\" (it begins a folder's name) use 1 to 64 letters, digits, . _ and -");
}

TEST_F(Refusals, MissingFiles) {
  std::string const path = (folder_ / "model").string();
  fs::remove(folder_ / "model" / "config.json");
  expect_one("", "1:9: model.path: " + path + " (it has no config.json)");
  write(folder_ / "model" / "config.json", "{}");
  fs::remove(folder_ / "model" / "model.safetensors");
  expect_one("", "1:9: model.path: " + path +
                     " (it has no model.safetensors) write model.init: random to start without weights");
  EXPECT_TRUE(findings(base(), {"model.init=random"}).empty());
  fs::remove(folder_ / "data.h5");
  std::vector<std::string> const both = findings(base());
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1],
            "2:8: data.file: " + (folder_ / "data.h5").string() + " (no such file) make it with bsft data build");
  EXPECT_EQ(findings("run: {seed: 1}"),
            (std::vector<std::string>{" model.path is missing (the Hugging Face folder of the model) set it",
                                      " data.file is missing (the HDF5 file of bsft data build) set it"}));
  try {
    read_config(folder_ / "none.yaml", {});
    FAIL();
  } catch (Findings const& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_EQ(error.lines()[0],
              (folder_ / "none.yaml").string() + ": cannot open (No such file or directory) check the path");
  }
}

TEST_F(Refusals, AllAtOnce) {
  std::vector<std::string> const found = findings(
      "run: {seed: 010}\noptimizer: {lerning_rate: 1, beta1: 2}\nparallel: {lanes: 3}\n", {"log.level=loud", "what"});
  EXPECT_EQ(found.size(), 8u) << testing::PrintToString(found);  // with model.path, data.file and the bad --set
}

TEST_F(Refusals, Overrides) {
  expect_one("", "--set:1: what (not key=value) write --set section.key=value", {"what"});
  expect_one("", "--set:2: unknown key run.sed (bsft config keys lists all) did you mean run.seed?",
             {"run.seed=2", "run.sed=1"});
  expect_one("", "--set:1: run (a section, not a key) set its keys one by one", {"run={seed: 1}"});
  expect_one("", "--set:1: run.seed: 010 (a leading zero: octal to some readers) write it without", {"run.seed=010"});
  ASSERT_EQ(findings(base(), {"evaluate.suites=[full"}).size(), 1u);
  EXPECT_EQ(findings(base(), {"evaluate.suites=[full"})[0].rfind(
                "--set:1: evaluate.suites: a list or a map as a key (keys are words) is a bracket left open?", 0),
            0u)
      << findings(base(), {"evaluate.suites=[full"})[0];
}

}  // namespace
}  // namespace bsft
