// The prompts of a record under each condition, as both modes of scoring take them.
//
// Without a behaviour, and under each that is used.  Records of a case share what their prompts have in common, and a
// record's conditions do, so a pass costs the tokens that neither of them brought: new_tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/feed/sequence.hpp"
#include "data/store/reader.hpp"

namespace bsft {

// What stands before the answer: without a behaviour, or under one.
using PromptSource = std::function<std::vector<TokenId>(std::int64_t record, std::optional<BehaviorId>)>;

// The stored prompts with the behaviour token at its position.
PromptSource stored_prompts(StoreReader const& reader, BehaviorPosition position);

// Every of-th pass from this one on: of what several share.  Passes are the same however many share them, so bits are.
struct Part {
  std::int64_t number = 0, of = 1;
  bool has(std::int64_t pass) const { return pass % of == number; }
};

struct ScoringSettings {
  std::vector<char> uses;  // [K]: behaviours that are scored as conditions
  bool selects = true;     // P(behaviour) at the end of the plain prompt
  bool plain = true;       // score without a behaviour, too
  std::int64_t max_tokens = 4096;
  Part part;
};

struct ConditionPrompts {
  std::int64_t record = 0;
  std::size_t result = 0;  // index into the results
  TaskId task{};
  std::int64_t share = 0;                     // the case
  std::vector<std::vector<TokenId>> prompts;  // [0] without a behaviour, [1 + k] under k; empty: not scored
};

ConditionPrompts condition_prompts(StoreReader const& reader, PromptSource const& source,
                                   ScoringSettings const& settings, std::int64_t record, std::size_t result);

// before: the member before it in the pass, or null.
std::size_t new_tokens(ConditionPrompts const* before, ConditionPrompts const& prompts);

}  // namespace bsft
