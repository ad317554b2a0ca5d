#include <algorithm>
#include <filesystem>

#include "trainer/config/resolve.hpp"
#include "trainer/config/scalar.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

// Collects findings about several keys at once; the place is that of the first of them that was set.
class Checks {
 public:
  Checks(Sources const& sources, std::vector<std::string>& findings) : sources_(sources), findings_(findings) {}

  void refuse(bool wrong, std::vector<std::string> const& keys, std::string const& what, std::string const& why,
              std::string const& fix) {
    if (wrong && sources_.read(keys)) findings_.push_back(finding(sources_.of(keys), what, why, fix));
  }

 private:
  Sources const& sources_;
  std::vector<std::string>& findings_;
};

bool has(std::vector<std::string> const& all, char const* one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string number(std::int64_t value) { return std::to_string(value); }

void check_run(Config const& c, Checks& checks) {
  auto const allowed = [](char x) {
    return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '.' || x == '_' ||
           x == '-';
  };
  bool const good = !c.run.name.empty() && c.run.name.size() <= 64 && c.run.name[0] != '.' && c.run.name[0] != '-' &&
                    std::all_of(c.run.name.begin(), c.run.name.end(), allowed);
  checks.refuse(!good, {"run.name"}, "run.name: " + write_scalar(c.run.name), "it begins a folder's name",
                "use 1 to 64 letters, digits, . _ and -");
}

void check_model(Config const& c, Checks& checks) {
  ShapeConfig const& s = c.model.shape;
  bool const shaped = s.hidden_size != 0 || s.intermediate_size != 0 || s.num_hidden_layers != 0 ||
                      s.num_attention_heads != 0 || s.num_key_value_heads != 0;
  std::vector<std::string> const shape = {"model.shape.hidden_size",         "model.shape.intermediate_size",
                                          "model.shape.num_hidden_layers",   "model.shape.num_attention_heads",
                                          "model.shape.num_key_value_heads", "model.init"};
  checks.refuse(shaped && c.model.init == "pretrained", shape, "model.shape with model.init: pretrained",
                "the folder's weights have their own shape", "remove model.shape, or write model.init: random");
  checks.refuse(s.hidden_size != 0 && s.num_attention_heads != 0 && s.hidden_size % (2 * s.num_attention_heads) != 0,
                {"model.shape.num_attention_heads", "model.shape.hidden_size"},
                "model.shape.num_attention_heads: " + number(s.num_attention_heads),
                "hidden_size " + number(s.hidden_size) + " is not an even multiple of it", "");
  checks.refuse(s.num_key_value_heads != 0 && s.num_attention_heads % s.num_key_value_heads != 0,
                {"model.shape.num_key_value_heads", "model.shape.num_attention_heads"},
                "model.shape.num_key_value_heads: " + number(s.num_key_value_heads),
                "it divides num_attention_heads " + number(s.num_attention_heads), "");
  checks.refuse(c.model.init == "random" && c.model.freeze == "all", {"model.freeze", "model.init"},
                "model.freeze: all with model.init: random", "random weights would never learn",
                "write model.freeze: none");
}

void check_behavior(Config const& c, Checks& checks) {
  BehaviorConfig const& b = c.behavior;
  bool const absent = has(b.set, "none");
  checks.refuse(absent && b.set.size() > 1, {"behavior.set"}, "behavior.set: none beside other behaviours",
                "none means no behaviour token at all", "keep one or the other");
  checks.refuse(absent && c.evaluate.arm == "behavior" && !c.evaluate.suites.empty(), {"behavior.set", "evaluate.arm"},
                "evaluate.arm: behavior with behavior.set: [none]", "there is no token to choose",
                "write evaluate.arm: sft");
  checks.refuse(absent && b.assignment == "shuffled", {"behavior.assignment", "behavior.set"},
                "behavior.assignment: shuffled with behavior.set: [none]", "there is no token to shuffle",
                "remove one of them");
  bool const before = !absent && b.position == "before_prompt";
  checks.refuse(before && b.selection == "self", {"behavior.position", "behavior.selection"},
                "behavior.position: before_prompt with behavior.selection: self",
                "a token before the prompt cannot be chosen by reading it", "write behavior.selection: given");
  checks.refuse(before && b.in_loss, {"behavior.position", "behavior.in_loss"},
                "behavior.position: before_prompt with behavior.in_loss: true",
                "a token before the prompt is no target", "write behavior.in_loss: false");
  checks.refuse(!absent && !b.in_loss && b.loss_weight != BehaviorConfig{}.loss_weight,
                {"behavior.loss_weight", "behavior.in_loss"}, "behavior.loss_weight with behavior.in_loss: false",
                "the weight would do nothing", "remove one of them");
}

void check_train(Config const& c, Checks& checks) {
  bool const untouched = c.evaluate.arm == "zero_shot" || c.evaluate.arm == "instruction";
  checks.refuse(c.train.num_epochs == 0 && c.train.max_steps == 0 && (!untouched || c.evaluate.suites.empty()),
                {"train.num_epochs", "train.max_steps"}, "train.num_epochs: 0 and train.max_steps: 0",
                "no step would be made", "set one of them; evaluate.arm: zero_shot or instruction need none");
  checks.refuse(
      c.scheduler.warmup >= 1 && c.train.max_steps > 0 && c.scheduler.warmup > static_cast<double>(c.train.max_steps),
      {"scheduler.warmup", "train.max_steps"}, "scheduler.warmup: " + write_scalar(c.scheduler.warmup),
      "more steps than train.max_steps: " + number(c.train.max_steps), "write a share below 1, or fewer steps");
  bool const whole =
      c.scheduler.warmup < 1 ||
      c.scheduler.warmup == static_cast<double>(static_cast<std::int64_t>(std::min(c.scheduler.warmup, 9e15)));
  checks.refuse(!whole, {"scheduler.warmup"}, "scheduler.warmup: " + write_scalar(c.scheduler.warmup),
                "from 1 on it counts steps", "write a whole number");
}

void check_parallel(Config const& c, Checks& checks) {
  ParallelConfig const& p = c.parallel;
  checks.refuse(p.reduction == "exact" && (p.lanes & (p.lanes - 1)) != 0, {"parallel.lanes", "parallel.reduction"},
                "parallel.lanes: " + number(p.lanes), "a power of two where parallel.reduction is exact",
                "write 1, 2, 4, 8, …");
  checks.refuse(c.train.global_batch_size < p.lanes, {"train.global_batch_size", "parallel.lanes"},
                "train.global_batch_size: " + number(c.train.global_batch_size),
                "less than parallel.lanes: " + number(p.lanes), "give each lane a record");
  checks.refuse(p.zero > 1 && p.backend == "nccl", {"parallel.zero", "parallel.backend"},
                "parallel.zero: " + number(p.zero) + " with parallel.backend: nccl",
                "a device's memory cannot be given back in parts yet", "write parallel.zero: 0 or 1");
  bool const scores = !c.evaluate.suites.empty() && !c.evaluate.conditions.empty();
  checks.refuse(p.evaluator_ranks > 0 && !scores,
                {"parallel.evaluator_ranks", "evaluate.suites", "evaluate.conditions"},
                "parallel.evaluator_ranks: " + number(p.evaluator_ranks) + " with nothing to evaluate",
                c.evaluate.suites.empty() ? "evaluate.suites is empty" : "evaluate.conditions is empty",
                "name a suite and a condition, or write 0");
  checks.refuse(p.evaluator_ranks > 0 && p.backend == "self", {"parallel.backend", "parallel.evaluator_ranks"},
                "parallel.backend: self with parallel.evaluator_ranks: " + number(p.evaluator_ranks),
                "one process has no rank to spare", "write backend: auto");
}

void check_evaluate(Config const& c, Checks& checks) {
  EvaluateConfig const& e = c.evaluate;
  checks.refuse(!e.suites.empty() && e.conditions.empty(), {"evaluate.conditions", "evaluate.suites"},
                "evaluate.conditions: []", "suites are scored under a condition",
                "write [self], or evaluate.suites: []");
  checks.refuse(e.patience > 0 && (e.policy != "wait" || e.suites.empty() || c.checkpoint.every == 0),
                {"evaluate.patience", "evaluate.policy", "evaluate.suites", "checkpoint.every"},
                "evaluate.patience: " + number(e.patience) +
                    (e.policy != "wait" ? " with evaluate.policy: " + e.policy
                     : e.suites.empty() ? " with evaluate.suites: []"
                                        : " with checkpoint.every: 0"),
                e.policy != "wait" ? "where a run ends would depend on how fast it is scored"
                                   : "nothing is scored before the end",
                e.policy != "wait" ? "write evaluate.policy: wait"
                : e.suites.empty() ? "name a suite, or write evaluate.patience: 0"
                                   : "set checkpoint.every, or write evaluate.patience: 0");
  std::string const head = "suites.";
  auto const dot = e.metric.find('.', head.size());
  std::string const suite = e.metric.rfind(head, 0) == 0 && dot != std::string::npos
                                ? e.metric.substr(head.size(), dot - head.size())
                                : std::string();
  bool const known = std::find(e.suites.begin(), e.suites.end(), suite) != e.suites.end();
  checks.refuse(!e.suites.empty() && !known, {"evaluate.metric", "evaluate.suites"},
                "evaluate.metric: " + write_scalar(e.metric), "not of a suite in evaluate.suites",
                "write suites.NAME.overall.macro_f1_tasks");
}

void check_files(Config const& c, Files files, Checks& checks) {
  checks.refuse(c.model.path.empty(), {"model.path"}, "model.path is missing", "the Hugging Face folder of the model",
                "set it");
  checks.refuse(c.data.file.empty(), {"data.file"}, "data.file is missing", "the HDF5 file of bsft data build",
                "set it");
  if (files == Files::may_lack) return;
  std::error_code ignored;
  auto const lacks = [&](fs::path const& file) { return !fs::is_regular_file(file, ignored); };
  if (!c.model.path.empty()) {
    fs::path const folder = c.model.path;
    std::string const key = "model.path: " + c.model.path;
    bool const there = fs::is_directory(folder, ignored);
    checks.refuse(!there, {"model.path"}, key, "no such folder", "");
    for (char const* name : {"config.json", "tokenizer.json"})
      checks.refuse(there && lacks(folder / name), {"model.path"}, key, std::string("it has no ") + name, "");
    checks.refuse(there && c.model.init == "pretrained" && lacks(folder / "model.safetensors") &&
                      lacks(folder / "model.safetensors.index.json"),
                  {"model.path", "model.init"}, key, "it has no model.safetensors",
                  "write model.init: random to start without weights");
  }
  checks.refuse(!c.data.file.empty() && lacks(c.data.file), {"data.file"}, "data.file: " + c.data.file, "no such file",
                "make it with bsft data build");
  std::string const& resume = c.checkpoint.resume;
  checks.refuse(resume != "none" && resume != "auto" && !fs::is_directory(resume, ignored), {"checkpoint.resume"},
                "checkpoint.resume: " + write_scalar(resume), "no such folder",
                "write none, auto or a checkpoint's folder");
}

}  // namespace

void check(Config const& config, Sources const& sources, Files files, std::vector<std::string>& findings) {
  Checks checks(sources, findings);
  check_run(config, checks);
  check_model(config, checks);
  check_behavior(config, checks);
  check_train(config, checks);
  check_parallel(config, checks);
  check_evaluate(config, checks);
  check_files(config, files, checks);
}

}  // namespace bsft
