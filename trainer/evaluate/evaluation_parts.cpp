#include "trainer/evaluate/evaluation_parts.hpp"

#include <algorithm>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/evaluate/evaluation.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_parts = 16;  // each loads the model

fs::path failed(fs::path const& part) { return part.string() + ".failed"; }

}  // namespace

EvaluationParts::EvaluationParts(Config const& config, fs::path const& run_dir, EvaluationChild const& child)
    : config_digest_(digest_of(config)),
      sharers_(std::min<std::int64_t>(config.parallel.evaluator_ranks, most_parts)),
      folder_(run_dir),
      child_(child) {}

std::int64_t EvaluationParts::count(Evaluation one) {
  if (sharers_ < 2 || !fs::exists(checkpoint_of(folder_.run_dir(), one.step))) return 0;
  bool const known = !one.table && same_weights(folder_.rows(), child_.split_of(one), weights_of(one.step)) != nullptr;
  return known ? 0 : sharers_;
}

bool EvaluationParts::has(Evaluation one, std::int64_t number) {
  fs::path const file = file_of(one, number);
  return fs::exists(file) || fs::exists(failed(file));
}

void EvaluationParts::make(Evaluation one, std::int64_t number) {
  fs::path const file = file_of(one, number);
  std::string const which = std::to_string(number + 1) + "/" + std::to_string(sharers_);
  ChildOutcome const outcome = child_.run(one, {"--part", which, "--scored-out", file.string()});
  if (outcome.exit_code == 0 || outcome.given_up) return;
  write_atomically(failed(file), OrderedJson{{"exit_code", outcome.exit_code}, {"error", outcome.error}}.dump() + "\n");
}

std::optional<ChildOutcome> EvaluationParts::failure(Evaluation one) {
  for (std::int64_t number = 0, of = count(one); number < of; ++number) {
    fs::path const file = failed(file_of(one, number));
    if (!fs::exists(file)) continue;
    Json const json = Json::parse(read_file(file), nullptr, false);
    if (!json.is_object()) continue;
    return ChildOutcome{json.value("error", ""), json.value("exit_code", static_cast<int>(Exit::internal))};
  }
  return std::nullopt;
}

std::vector<std::string> EvaluationParts::words(Evaluation one) {
  std::vector<std::string> words;
  for (std::int64_t number = 0, of = count(one); number < of; ++number) {
    fs::path const file = file_of(one, number);
    if (!fs::exists(file)) return {};
    words.insert(words.end(), {"--scored", file.string()});
  }
  return words;
}

void EvaluationParts::remove(Evaluation one) {
  std::error_code ignored;
  for (std::int64_t number = 0; sharers_ > 1 && number < sharers_; ++number) {
    fs::path const file = file_of(one, number);
    fs::remove(file, ignored);
    fs::remove(failed(file), ignored);
  }
}

fs::path EvaluationParts::file_of(Evaluation one, std::int64_t number) {
  return child_.file_of(one, config_digest_.substr(0, 8) + "." + weights_of(one.step).substr(0, 8) + ".part-" +
                                 std::to_string(number + 1) + "-" + std::to_string(sharers_));
}

// A digest of large files, kept as it is asked for often while others are at it.  A checkpoint comes by a rename.
std::string EvaluationParts::weights_of(std::int64_t step) {
  fs::path const folder = checkpoint_of(folder_.run_dir(), step);
  auto const as_of = fs::last_write_time(folder);
  auto& [known, digest] = weights_[step];
  if (digest.empty() || known != as_of) digest = model_digest(folder);
  known = as_of;
  return digest;
}

}  // namespace bsft
