#include "data/feed/sequence.hpp"

#include <algorithm>
#include <string>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

void check_spans(std::int64_t record, RecordInfo const& info, StoredTokens const& stored) {
  bool const ordered = 0 < info.prompt_end && info.prompt_end <= info.behavior_end &&
                       info.behavior_end <= info.response_end && info.response_end <= info.length;
  auto const length = static_cast<std::size_t>(info.length);
  if (!ordered || stored.tokens.size() != length || stored.weights.size() != length) {
    throw Broken("record " + std::to_string(record) + " of the data file", "its spans do not fit its tokens",
                 "build the file again with bsft data build");
  }
}

}  // namespace

std::vector<char> behaviors_in_use(std::vector<std::string> const& set, BehaviorMap const& behaviors) {
  std::vector<char> uses(behaviors.tokens.size(), set.empty() ? 1 : 0);
  if (set.size() == 1 && set.front() == "none") return uses;
  std::vector<std::string> known;
  for (BehaviorToken const& token : behaviors.tokens) known.push_back(token.name);
  for (std::string const& name : set) {
    auto const at = std::find(known.begin(), known.end(), name);
    if (at == known.end()) {
      std::string names;
      for (std::string const& k : known) names += (names.empty() ? "" : ", ") + k;
      throw Invalid(Exit::config, "behavior.set names the behaviour " + name, "the data file has " + names,
                    "take one of these, or [none]");
    }
    uses[static_cast<std::size_t>(at - known.begin())] = 1;
  }
  return uses;
}

std::vector<TokenId> prompt_with(RecordInfo const& info, StoredTokens const& stored, BehaviorPosition position,
                                 std::optional<TokenId> behavior) {
  std::vector<TokenId> tokens;
  tokens.reserve(stored.tokens.size() + 1);
  if (behavior && position == BehaviorPosition::before_prompt) tokens.push_back(*behavior);
  tokens.insert(tokens.end(), stored.tokens.begin(), stored.tokens.begin() + info.prompt_end);
  if (behavior && position == BehaviorPosition::before_response) tokens.push_back(*behavior);
  return tokens;
}

std::optional<BehaviorId> carried_behavior(std::int64_t record, RecordInfo const& info,
                                           SequenceSettings const& settings) {
  auto const used = [&](std::size_t k) { return settings.uses_token.empty() || settings.uses_token.at(k) != 0; };
  if (info.behavior_end == info.prompt_end || !used(static_cast<std::size_t>(index(info.behavior))))
    return std::nullopt;
  if (!settings.shuffle) return info.behavior;
  std::vector<BehaviorId> candidates;
  for (std::size_t k = 0; k < settings.shuffle->tokens.size(); ++k)
    if (used(k)) candidates.push_back(static_cast<BehaviorId>(k));
  return candidates[mix(settings.shuffle->seed, 0x5f0ff1e, static_cast<std::uint64_t>(record)) % candidates.size()];
}

Sequence training_sequence(std::int64_t record, RecordInfo const& info, StoredTokens const& stored,
                           SequenceSettings const& settings) {
  check_spans(record, info, stored);
  std::optional<BehaviorId> const behavior = carried_behavior(record, info, settings);
  std::optional<TokenId> token;
  if (behavior)
    token = settings.shuffle ? settings.shuffle->tokens[static_cast<std::size_t>(index(*behavior))]
                             : stored.tokens[static_cast<std::size_t>(info.prompt_end)];

  Sequence sequence;
  sequence.tokens = prompt_with(info, stored, settings.position, token);
  sequence.task = info.task;
  sequence.behavior = behavior.value_or(info.behavior);
  sequence.sample = record;
  if (settings.shares) sequence.share = info.case_index;

  if (token && settings.position == BehaviorPosition::before_response && settings.in_loss) {
    auto const at = static_cast<std::int32_t>(sequence.tokens.size()) - 1;
    float const weight =
        static_cast<float>(settings.loss_weight) * stored.weights[static_cast<std::size_t>(info.prompt_end)];
    if (weight != 0) sequence.targets.push_back({at, *token, weight, Channel::behavior});
  }
  for (std::int32_t t = info.behavior_end; t < info.length; ++t) {
    auto const from = static_cast<std::size_t>(t);
    auto const at = static_cast<std::int32_t>(sequence.tokens.size());
    sequence.tokens.push_back(stored.tokens[from]);
    if (stored.weights[from] == 0) continue;
    sequence.targets.push_back(
        {at, stored.tokens[from], stored.weights[from], t < info.response_end ? Channel::response : Channel::end});
  }
  return sequence;
}

}  // namespace bsft
