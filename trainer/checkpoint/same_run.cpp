#include "trainer/checkpoint/same_run.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

// data.file and model.path are compared by what lies there.
constexpr std::array free_keys{
    "evaluate.",         "checkpoint.every",         "checkpoint.keep",        "parallel.zero",
    "run.name",          "parallel.evaluator_ranks", "model.hub_id",           "data.file",
    "data.skip_corrupt", "parallel.bucket_bytes",    "train.threads_per_rank", "model.path"};

bool is_free(std::string const& key) {
  if (key == "evaluate.mode") return false;  // a run's scores are of one mode
  return std::any_of(free_keys.begin(), free_keys.end(), [&](char const* prefix) { return key.rfind(prefix, 0) == 0; });
}

bool contains(std::vector<std::string> const& all, std::string const& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

std::vector<std::string> safe_changes() {
  return {"optimizer.learning_rate", "optimizer.weight_decay",  "optimizer.beta1",  "optimizer.beta2",
          "optimizer.epsilon",       "optimizer.max_grad_norm", "scheduler.type",   "scheduler.warmup",
          "scheduler.min_lr_ratio",  "train.max_steps",         "train.num_epochs", "train.max_tokens_per_pass",
          "parallel.lanes",          "parallel.reduction",      "parallel.backend", "kernels"};
}

void require_safe(std::vector<std::string> const& keys) {
  std::vector<std::string> const safe = safe_changes();
  for (std::string const& key : keys) {
    if (contains(safe, key)) continue;
    std::string const near = nearest(key, safe);
    throw Invalid(Exit::usage, "--allow-change " + key,
                  is_free(key) ? "a resume may change it anyway" : "only these may change: " + joined(safe),
                  is_free(key)   ? "leave it out"
                  : near.empty() ? "start a new run, from the checkpoint's folder as model.path if it should learn on"
                                 : "did you mean " + near + "?");
  }
}

std::map<std::string, std::string> model_files_of(fs::path const& folder) {
  std::map<std::string, std::string> digests;
  for (char const* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) digests[name] = xxh128_hex(read_file(folder / name));
  }
  return digests;
}

std::vector<Change> changes_of(FoundCheckpoint const& found, Config const& config,
                               std::map<std::string, std::string> const& model_files, std::string const& data_digest,
                               std::vector<std::string> const& allowed) {
  std::vector<std::string> const safe = safe_changes();
  std::vector<std::string> lines, could;
  std::vector<Change> changes;
  auto const differs = [&](std::string const& what, std::string const& now, std::string const& before) {
    lines.push_back(what + " is " + now + " (the checkpoint was made with " + before + ")");
  };
  Config const before = read_config(found.folder / "training_config.yaml", {}, Files::may_lack);
  for (auto const& [key, values] : difference(before, config)) {
    if (is_free(key)) continue;
    if (contains(allowed, key)) {
      changes.push_back({found.manifest.step, key, values.first, values.second});
      continue;
    }
    differs(key, values.second, values.first);
    if (contains(safe, key)) could.push_back(key);
  }
  std::set<std::string> names;
  for (auto const& [name, digest] : model_files) names.insert(name);
  for (auto const& [name, digest] : found.manifest.model_files) names.insert(name);
  auto const digest_in = [](std::map<std::string, std::string> const& files, std::string const& name) {
    auto const file = files.find(name);
    return file == files.end() ? std::string("missing") : "of digest " + file->second;
  };
  for (std::string const& name : names) {
    std::string const now = digest_in(model_files, name), then = digest_in(found.manifest.model_files, name);
    if (now != then) differs("model.path: " + name + " in " + config.model.path, now, "one " + then);
  }
  if (!data_digest.empty() && found.manifest.data_digest != data_digest)
    differs("data.file: " + config.data.file, "of digest " + data_digest,
            "one of digest " + found.manifest.data_digest);
  if (lines.empty()) return changes;
  lines.push_back("cannot resume from " + found.folder.string() + " (the run would not be the same) " +
                  (could.empty() ? "" : "allow with --allow-change " + joined(could) + "; else ") +
                  "restore these, or start a new run in another run.dir");
  throw Findings(Exit::resume_mismatch, lines);
}

}  // namespace bsft
