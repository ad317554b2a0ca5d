// Make the sequences that plant() takes from stored records: where the behaviour token stands, and what is learnt.
//
//   before_response   prompt | behaviour | response | end     the behaviour token is a target with weight lambda, or
//   given before_prompt     behaviour | prompt | response | end     always given: it predicts all, nothing predicts it
//   no token          prompt | response | end                 behavior.set: ["none"], or a behaviour outside the set
//   shuffled          as one of the first two, with a token drawn from (seed, record) in place of the record's own: the
//   control that must teach nothing about behaviour
// A target's weight is the stored one (0 or 1) times lambda on the behaviour token; targets of weight 0 are left out.
// The evaluator uses prompt_with() for the part that stands before the labels.
// Errors: Broken where a record's spans or weights do not fit its tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/feed/forest.hpp"
#include "data/store/reader.hpp"

namespace bsft {

enum class BehaviorPosition { before_response, before_prompt };

struct SequenceSettings {
  BehaviorPosition position = BehaviorPosition::before_response;
  std::vector<char> uses_token;  // [K]: records of behaviour k carry their token; empty: all do
  bool in_loss = true;
  double loss_weight = 1;  // lambda
  bool shares = false;     // members of a case share their prefixes
  struct Shuffle {
    std::uint64_t seed = 1;
    std::vector<TokenId> tokens;  // [K], one of those in use is drawn
  };
  std::optional<Shuffle> shuffle;
};

// The behaviour whose token a record carries: its own, or the one drawn; nothing where it carries none.
std::optional<BehaviorId> carried_behavior(std::int64_t record, RecordInfo const& info,
                                           SequenceSettings const& settings);

// [K] for SequenceSettings::uses_token from behavior.set: empty: all; ["none"]: none; names otherwise.
// Invalid(config) for a name that the data file does not hold.
std::vector<char> behaviors_in_use(std::vector<std::string> const& set, BehaviorMap const& behaviors);

// The prompt with `behavior` where the position says (before_prompt: first), without it where there is none.
std::vector<TokenId> prompt_with(RecordInfo const& info, StoredTokens const& stored, BehaviorPosition position,
                                 std::optional<TokenId> behavior);

// The sequence of record number `record` with its targets.
Sequence training_sequence(std::int64_t record, RecordInfo const& info, StoredTokens const& stored,
                           SequenceSettings const& settings);

}  // namespace bsft
