#include "trainer/config/keys.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/config/scalar.hpp"

namespace bsft {
namespace {

template <auto... Path>
Field at(Config& config) {
  return &(config.*....*Path);
}

using C = Config;
constexpr double none = std::numeric_limits<double>::infinity();
Range const any{}, positive{0, none, Range::Ends::open_below}, share{0, 1}, below_one{0, 1, Range::Ends::open_above};
Range at_least(double least) { return {least, none}; }
Range between(double least, double most) { return {least, most}; }

std::vector<Key> table() {
  using R = RunConfig;
  using M = ModelSection;
  using S = ShapeConfig;
  using D = DataConfig;
  using B = BehaviorConfig;
  using T = TrainConfig;
  using O = OptimizerConfig;
  using L = SchedulerConfig;
  using P = ParallelConfig;
  using K = CheckpointConfig;
  using E = EvaluateConfig;
  return {
      {"run.name", at<&C::run, &R::name>, "", any, {}, {}, "letters, digits, . _ and -; begins the run folder's name"},
      {"run.dir", at<&C::run, &R::dir>, "", any, {}, {}, "run folder; empty: runs/NAME-DIGEST"},
      {"run.seed", at<&C::run, &R::seed>, "", at_least(0), {}, {}, "of everything that is random"},

      {"model.path", at<&C::model, &M::path>, "", any, {}, {}, "Hugging Face folder with config.json, tokenizer.json and, where pretrained, safetensors; required"},
      {"model.init", at<&C::model, &M::init>, "", any, {"pretrained", "random"}, {}, "weights of the folder, or random ones by run.seed"},
      {"model.shape.hidden_size", at<&C::model, &M::shape, &S::hidden_size>, "", between(0, 65536), {}, {}, "replaces config.json's where model.init is random; 0: as it is"},
      {"model.shape.intermediate_size", at<&C::model, &M::shape, &S::intermediate_size>, "", between(0, 262144), {}, {}, "likewise"},
      {"model.shape.num_hidden_layers", at<&C::model, &M::shape, &S::num_hidden_layers>, "", between(0, 1024), {}, {}, "likewise"},
      {"model.shape.num_attention_heads", at<&C::model, &M::shape, &S::num_attention_heads>, "", between(0, 1024), {}, {}, "likewise"},
      {"model.shape.num_key_value_heads", at<&C::model, &M::shape, &S::num_key_value_heads>, "", between(0, 1024), {}, {}, "likewise"},
      {"model.template", at<&C::model, &M::template_family>, "", any, {"auto", "chatml", "smollm2", "qwen2", "llama3", "none"}, {}, "chat template; auto: the folder's, recognised"},
      {"model.dtype", at<&C::model, &M::dtype>, "", any, {"float32", "bfloat16"}, {"bfloat16"}, "of weights and activations"},
      {"model.adapter", at<&C::model, &M::adapter>, "", any, {"none", "lora"}, {"lora"}, "none: all weights train, less model.freeze"},
      {"model.freeze", at<&C::model, &M::freeze>, "", any, {"none", "embeddings", "all"}, {}, "embeddings: base table and head stay; all: only the behaviour rows train"},
      {"model.hub_id", at<&C::model, &M::hub_id>, "", any, {}, {}, "OWNER/NAME on the Hub, for the model card only"},

      {"data.file", at<&C::data, &D::file>, "", any, {}, {}, "HDF5 file of bsft data build; required"},
      {"data.max_length", at<&C::data, &D::max_length>, "tokens", between(8, 1 << 20), {}, {}, "of one record"},
      {"data.group_size", at<&C::data, &D::group_size>, "records", between(1, 4096), {}, {}, "of one case that share its prefix in a batch; 1: none"},
      {"data.overlong", at<&C::data, &D::overlong>, "", any, {"error", "drop"}, {}, "records above data.max_length; never truncated"},

      {"behavior.set", at<&C::behavior, &B::set>, "", any, {}, {}, "behaviours with a token; []: the data file's; [none]: no behaviour token (standard SFT)"},
      {"behavior.position", at<&C::behavior, &B::position>, "", any, {"before_response", "before_prompt"}, {}, "where the token stands"},
      {"behavior.in_loss", at<&C::behavior, &B::in_loss>, "", any, {}, {}, "the token is learned as a target"},
      {"behavior.loss_weight", at<&C::behavior, &B::loss_weight>, "", between(0, 1e6), {}, {}, "λ: weight of the token, where a response token has 1"},
      {"behavior.init", at<&C::behavior, &B::init>, "", any, {"description", "mean", "random"}, {}, "first value of a row: mean embedding of its description, of the whole table, or random"},
      {"behavior.selection", at<&C::behavior, &B::selection>, "", any, {"self", "given"}, {}, "self: the model chooses its token; given: the token is told"},

      {"train.global_batch_size", at<&C::train, &T::global_batch_size>, "records", between(1, 1 << 20), {}, {}, "a step, over all ranks"},
      {"train.max_tokens_per_pass", at<&C::train, &T::max_tokens_per_pass>, "tokens", between(8, 1 << 24), {}, {}, "of one forward and backward pass: bounds memory, changes no result"},
      {"train.num_epochs", at<&C::train, &T::num_epochs>, "", between(0, 1e6), {}, {}, "passes over the train split"},
      {"train.max_steps", at<&C::train, &T::max_steps>, "steps", at_least(0), {}, {}, "stop here; 0: by train.num_epochs"},
      {"train.threads_per_rank", at<&C::train, &T::threads_per_rank>, "", between(1, 1024), {}, {}, "CPU threads of libtorch"},

      {"optimizer.learning_rate", at<&C::optimizer, &O::learning_rate>, "", Range{0, 10, Range::Ends::open_below}, {}, {}, "peak of AdamW"},
      {"optimizer.weight_decay", at<&C::optimizer, &O::weight_decay>, "", between(0, 10), {}, {}, "not of norms, biases and behaviour rows"},
      {"optimizer.beta1", at<&C::optimizer, &O::beta1>, "", below_one, {}, {}, ""},
      {"optimizer.beta2", at<&C::optimizer, &O::beta2>, "", below_one, {}, {}, ""},
      {"optimizer.epsilon", at<&C::optimizer, &O::epsilon>, "", Range{0, 1, Range::Ends::open_below}, {}, {}, ""},
      {"optimizer.max_grad_norm", at<&C::optimizer, &O::max_grad_norm>, "", at_least(0), {}, {}, "clip by global norm; 0: never"},

      {"scheduler.type", at<&C::scheduler, &L::type>, "", any, {"cosine", "linear", "constant"}, {}, "after the warm-up"},
      {"scheduler.warmup", at<&C::scheduler, &L::warmup>, "", at_least(0), {}, {}, "below 1: share of the steps; else steps"},
      {"scheduler.min_lr_ratio", at<&C::scheduler, &L::min_lr_ratio>, "", share, {}, {}, "last learning rate over peak"},

      {"parallel.backend", at<&C::parallel, &P::backend>, "", any, {"auto", "self", "mpi", "nccl"}, {}, "auto: by the devices and the number of ranks"},
      {"parallel.reduction", at<&C::parallel, &P::reduction>, "", any, {"exact", "fast"}, {}, "exact: the same bits on 1, 2, 4, … ranks"},
      {"parallel.lanes", at<&C::parallel, &P::lanes>, "lanes", between(1, 65536), {}, {}, "parts of a batch that ranks share; a power of two where exact"},
      {"parallel.zero", at<&C::parallel, &P::zero>, "", between(0, 3), {}, {}, "ZeRO stage; above 0 is not built yet"},
      {"parallel.bucket_bytes", at<&C::parallel, &P::bucket_bytes>, "bytes", between(1, 1 << 30), {}, {}, "gradients reduced at a time"},
      {"parallel.evaluator_ranks", at<&C::parallel, &P::evaluator_ranks>, "ranks", between(0, 1), {}, {}, "ranks of the job that score checkpoints; 0: training and evaluation take turns"},

      {"checkpoint.every", at<&C::checkpoint, &K::every>, "steps", at_least(0), {}, {}, "0: only at the end"},
      {"checkpoint.keep", at<&C::checkpoint, &K::keep>, "checkpoints", between(1, 1000000), {}, {}, "newest ones kept, and the best"},
      {"checkpoint.resume", at<&C::checkpoint, &K::resume>, "", any, {}, {}, "none, auto (the newest of the run folder), or a checkpoint's folder"},

      {"evaluate.every", at<&C::evaluate, &E::every>, "checkpoints", between(1, 1000000), {}, {}, "score each n-th; the last one always"},
      {"evaluate.suites", at<&C::evaluate, &E::suites>, "", any, {}, {}, "named parts of the data; []: no evaluation"},
      {"evaluate.conditions", at<&C::evaluate, &E::conditions>, "", any, {"self", "right", "wrong", "none"}, {}, "behaviour token: chosen by the model, forced right, forced wrong, absent"},
      {"evaluate.split", at<&C::evaluate, &E::split>, "", any, {"train", "dev", "test"}, {}, "scored while training"},
      {"evaluate.final_split", at<&C::evaluate, &E::final_split>, "", any, {"train", "dev", "test"}, {}, "of the table at the end"},
      {"evaluate.max_records", at<&C::evaluate, &E::max_records>, "records", at_least(0), {}, {}, "of evaluate.split while training; 0: all"},
      {"evaluate.arm", at<&C::evaluate, &E::arm>, "", any, {"zero_shot", "instruction", "sft", "behavior"}, {}, "how a prompt is put"},
      {"evaluate.policy", at<&C::evaluate, &E::policy>, "", any, {"every", "latest"}, {}, "where the evaluator falls behind: all checkpoints, or the newest"},
      {"evaluate.metric", at<&C::evaluate, &E::metric>, "", any, {}, {}, "path in results.json that BEST maximises"},

      {"log.every", at<&C::log, &LogConfig::every>, "steps", between(1, 1000000), {}, {}, "between progress lines where there is no terminal"},
      {"log.tensorboard", at<&C::log, &LogConfig::tensorboard>, "", any, {}, {}, "write an event file"},
      {"log.level", at<&C::log, &LogConfig::level>, "", any, {"quiet", "info", "debug"}, {}, ""},

      {"kernels", at<&C::kernels>, "", any, {"fused", "reference"}, {}, "our kernels, or the same arithmetic in plain libtorch"},
  };
}

std::string number(double value) { return write_scalar(value); }

std::string type_of(Key const& key) {
  Config config;
  static char const* const names[] = {"text", "whole number", "whole number", "number", "true, false", "list"};
  return names[key.field(config).index()];
}

std::string allowed(Key const& key) {
  if (key.choices.empty()) return key.range.text().empty() ? type_of(key) : type_of(key) + ", " + key.range.text();
  std::string text = type_of(key) == "list" ? "list of " : "";
  for (std::string const& choice : key.choices) {
    if (&choice != &key.choices.front()) text += ", ";
    text += choice;
    if (std::count(key.not_built.begin(), key.not_built.end(), choice) != 0) text += " (not built yet)";
  }
  return text;
}

}  // namespace

bool Range::holds(double value) const {
  bool const below = ends == Ends::open_below || ends == Ends::open ? value > least : value >= least;
  bool const above = ends == Ends::open_above || ends == Ends::open ? value < most : value <= most;
  return below && above;
}

std::string Range::text() const {
  bool const open_least = ends == Ends::open_below || ends == Ends::open;
  bool const open_most = ends == Ends::open_above || ends == Ends::open;
  if (std::isinf(least)) return {};
  if (std::isinf(most)) return (open_least ? "> " : ">= ") + number(least);
  if (!open_least && !open_most) return number(least) + " … " + number(most);
  return (open_least ? "> " : ">= ") + number(least) + (open_most ? ", < " : ", <= ") + number(most);
}

std::vector<Key> const& keys() {
  static std::vector<Key> const all = table();
  return all;
}

Key const* find_key(std::string const& name) {
  for (Key const& key : keys())
    if (key.name == name) return &key;
  return nullptr;
}

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  for (Key const& key : keys()) names.push_back(key.name);
  return names;
}

bool is_section(std::string const& name) {
  return std::any_of(keys().begin(), keys().end(), [&](Key const& key) { return key.name.rfind(name + ".", 0) == 0; });
}

std::string written(Key const& key, Config const& config) {
  Field const field = key.field(const_cast<Config&>(config));  // read only
  if (auto* const* text = std::get_if<std::string*>(&field)) return write_scalar(**text);
  if (auto* const* whole = std::get_if<std::int64_t*>(&field)) return std::to_string(**whole);
  if (auto* const* natural = std::get_if<std::uint64_t*>(&field)) return std::to_string(**natural);
  if (auto* const* real = std::get_if<double*>(&field)) return write_scalar(**real);
  if (auto* const* truth = std::get_if<bool*>(&field)) return **truth ? "true" : "false";
  std::string list = "[";
  for (std::string const& item : *std::get<std::vector<std::string>*>(field))
    list += (list.size() > 1 ? ", " : "") + write_scalar(item);
  return list + "]";
}

std::string keys_markdown(std::string const& pattern) {
  std::string text;
  if (pattern.empty())
    text =
        "# Configuration keys\n"
        "\n"
        "This file is the output of `bsft config keys`; a test compares the two.\n"
        "A configuration is YAML of nested keys (`optimizer: {learning_rate: 1e-4}`); each may be overridden with\n"
        "`--set optimizer.learning_rate=1e-4`. `bsft config check --config FILE` lists everything that is wrong with a\n"
        "file, with line and column. Relative paths start at the working directory.\n"
        "\n";
  text += "| key | allowed | unit | default | meaning |\n|---|---|---|---|---|\n";
  Config const defaults;
  for (Key const& key : keys()) {
    if (key.name.find(pattern) == std::string::npos && key.help.find(pattern) == std::string::npos) continue;
    text += "| `" + key.name + "` | " + allowed(key) + " | " + key.unit + " | `" + written(key, defaults) + "` | " +
            key.help + " |\n";
  }
  return text;
}

}  // namespace bsft
