// Which id each behaviour token has in a model's vocabulary.
//
// A token that the tokenizer knows already keeps its id (a checkpoint of ours); otherwise ids come from the family's
// reserved tokens, then from rows of the embedding table beyond the tokenizer (Qwen2 has such rows), then from new rows
// at the end.  Nothing else of the vocabulary moves.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/schema/taxonomy.hpp"
#include "data/tokenizer/tokenizer.hpp"

namespace bsft {

struct BehaviorToken {
  std::string name, token, description;
  TokenId id = 0;
};

struct BehaviorMap {
  std::vector<BehaviorToken> tokens;  // [K], index = BehaviorId
  std::string digest() const;
};

// rows: the model's vocab_size (rows of its embedding table).
BehaviorMap assign_behavior_ids(std::span<BehaviorSpec const> behaviors, Tokenizer const& tokenizer, TokenId rows);

}  // namespace bsft
