// The whole configuration as plain structs.  Keys are the members' names: optimizer.learning_rate and so on;
// configs/README.md (made by `bsft config keys`) lists each with unit, default and range.
//
// read_config(file, overrides) parses YAML, applies --set overrides and checks everything at once: every finding is a
// line file:line:column (--set:N for the N-th override), all thrown together as Findings(config).  Checked are names,
// types, ranges, choices, contradictions between keys, and that the files named exist.  Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bsft {

struct RunConfig {
  std::string name = "run";
  std::string dir;  // empty: runs/<name>-<8 of the digest>
  std::uint64_t seed = 1;
};

// Replaces sizes of config.json; only with model.init: random.  0: as config.json says.
struct ShapeConfig {
  std::int64_t hidden_size = 0, intermediate_size = 0, num_hidden_layers = 0, num_attention_heads = 0,
               num_key_value_heads = 0;
};

struct ModelSection {
  std::string path;                 // Hugging Face folder
  std::string init = "pretrained";  // pretrained | random
  ShapeConfig shape;
  std::string template_family = "auto";  // key model.template: auto | chatml | smollm2 | qwen2 | llama3 | none
  std::string dtype = "float32";         // float32 (bfloat16 is refused on CPU until it is measured)
  std::string adapter = "none";          // none (lora is refused until it exists)
  std::string freeze = "none";           // none | embeddings (base table and head) | all (only behaviour rows train)
  std::string hub_id;
};

struct DataConfig {
  std::string file;
  std::int64_t max_length = 2048;  // tokens; longer records fall under overlong
  std::int64_t group_size = 1;     // records of a case that share its prefix in a batch
  std::string overlong = "error";  // error | drop
  std::int64_t skip_corrupt = 0;   // damaged chunks whose records may be left out
};

struct BehaviorConfig {
  std::vector<std::string> set;              // empty: the data file's; ["none"]: no behaviour token (standard SFT)
  std::string position = "before_response";  // before_response | before_prompt
  std::string assignment = "record";         // record | shuffled
  bool in_loss = true;
  double loss_weight = 1.0;          // λ
  std::string init = "description";  // description | mean | random
  std::string selection = "self";    // self | given
};

struct TrainConfig {
  std::int64_t global_batch_size = 64;  // records a step
  std::int64_t max_tokens_per_pass = 4096;
  double num_epochs = 1;
  std::int64_t max_steps = 0;  // 0: by num_epochs
  std::int64_t threads_per_rank = 1;
};

struct OptimizerConfig {
  double learning_rate = 1e-4, weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, max_grad_norm = 1.0;
};

struct SchedulerConfig {
  std::string type = "cosine";  // cosine | linear | constant
  double warmup = 0.03;         // < 1: share of the steps, >= 1: steps
  double min_lr_ratio = 0.1;
};

struct ParallelConfig {
  std::string backend = "auto";     // auto | self | mpi | nccl
  std::string reduction = "exact";  // exact | fast
  std::int64_t lanes = 8;
  std::int64_t zero = 0;
  std::int64_t bucket_bytes = 26214400;
  std::int64_t evaluator_ranks = 0;
  std::int64_t hang_seconds = 30;      // or 5 median steps: then a rank that does not move ends the job
  std::int64_t startup_seconds = 600;  // likewise while it starts or saves
};

struct CheckpointConfig {
  std::int64_t every = 0;       // steps; 0: only at the end
  std::int64_t keep = 2;        // newest ones kept
  std::int64_t keep_every = 0;  // steps whose multiples are kept, too; 0: none
  std::string resume = "none";  // none | auto | a checkpoint's folder
};

struct EvaluateConfig {
  std::int64_t every = 1;  // every n-th checkpoint
  std::vector<std::string> suites = {"full"};
  std::vector<std::string> conditions = {"self", "right", "wrong", "none"};
  std::string split = "dev";  // scored while training; the final table is of final_split
  std::string final_split = "test";
  std::int64_t max_records = 0;     // of `split`, while training; 0: all
  std::string mode = "likelihood";  // likelihood | generation
  std::string arm = "behavior";     // zero_shot | instruction | sft | behavior
  std::string policy = "every";     // every | latest | wait
  double missed_cost = 1;           // an over-intervention costs 1
  std::string metric = "suites.full.overall.macro_f1_tasks";
  std::int64_t patience = 0;    // scored checkpoints without a better metric; 0: never stops early
  std::int64_t timeout = 7200;  // s of one scoring; 0: no limit
};

struct LogConfig {
  std::int64_t every = 10;  // steps between progress lines off a terminal
  bool tensorboard = false;
  std::string level = "info";  // quiet | info | debug
};

struct Config {
  RunConfig run;
  ModelSection model;
  DataConfig data;
  BehaviorConfig behavior;
  TrainConfig train;
  OptimizerConfig optimizer;
  SchedulerConfig scheduler;
  ParallelConfig parallel;
  CheckpointConfig checkpoint;
  EvaluateConfig evaluate;
  LogConfig log;
  std::string kernels = "fused";  // fused | reference
};

// Whether model.path and data.file must be there: training needs them, showing a configuration does not.
enum class Files { must_exist, may_lack };
// overrides: the arguments of --set, "key=value" each.
Config read_config(std::filesystem::path const& file, std::vector<std::string> const& overrides,
                   Files files = Files::must_exist);
// All keys with their values, as YAML that read_config takes.
std::string to_yaml(Config const& config);
// 32 hex digits of to_yaml without run.dir, log.*, checkpoint.resume, the parallel.*_seconds, parallel.evaluator_ranks
// and evaluate.timeout: a resumed run has the digest of its first start.
std::string digest_of(Config const& config);
// key -> (a, b) where two configurations differ, without the same.
std::map<std::string, std::pair<std::string, std::string>> difference(Config const& a, Config const& b);

}  // namespace bsft
