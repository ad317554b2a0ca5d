#include "trainer/evaluate/condition_prompts.hpp"

#include <algorithm>
#include <memory>

namespace bsft {
namespace {

std::size_t common_length(std::vector<TokenId> const& a, std::vector<TokenId> const& b) {
  auto const end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

PromptSource stored_prompts(StoreReader const& reader, BehaviorPosition position) {
  struct Last {
    std::int64_t record = -1;
    StoredTokens stored;
  };
  auto last = std::make_shared<Last>();  // a record's conditions are asked for one after another
  return [&reader, position, last](std::int64_t record, std::optional<BehaviorId> behavior) {
    if (last->record != record) *last = {record, reader.read(record)};
    std::optional<TokenId> token;
    if (behavior) token = reader.catalog().behaviors.tokens.at(static_cast<std::size_t>(index(*behavior))).id;
    return prompt_with(reader.records()[static_cast<std::size_t>(record)], last->stored, position, token);
  };
}

ConditionPrompts condition_prompts(StoreReader const& reader, PromptSource const& source,
                                   ScoringSettings const& settings, std::int64_t record, std::size_t result) {
  RecordInfo const& info = reader.records()[static_cast<std::size_t>(record)];
  std::size_t const count = settings.uses.size();
  ConditionPrompts own{record, result, info.task, info.case_index, std::vector<std::vector<TokenId>>(1 + count)};
  if (settings.selects || settings.plain) own.prompts[0] = source(record, std::nullopt);
  for (std::size_t k = 0; k < count; ++k) {
    if (settings.uses[k]) own.prompts[1 + k] = source(record, static_cast<BehaviorId>(k));
  }
  return own;
}

std::size_t new_tokens(ConditionPrompts const* before, ConditionPrompts const& prompts) {
  if (before != nullptr && before->share != prompts.share) before = nullptr;
  std::size_t tokens = 0;
  for (std::size_t c = 0; c < prompts.prompts.size(); ++c) {
    auto const& prompt = prompts.prompts[c];
    if (prompt.empty()) continue;
    std::size_t shared = c == 0 ? 0 : common_length(prompts.prompts[0], prompt);
    if (before != nullptr) shared = std::max(shared, common_length(before->prompts[c], prompt));
    tokens += prompt.size() - shared;
  }
  return tokens;
}

}  // namespace bsft
