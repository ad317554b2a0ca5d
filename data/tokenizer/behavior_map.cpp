#include "data/tokenizer/behavior_map.hpp"

#include <algorithm>
#include <set>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

Invalid refusal(std::string const& token, std::string_view why) {
  return {Exit::config, "behavior token " + token, why, "choose another token, e.g. <|proactive|>"};
}

void expect_sound(std::span<BehaviorSpec const> behaviors) {
  std::set<std::string> names, tokens;
  for (auto const& behavior : behaviors) {
    if (behavior.token.empty()) throw refusal("of " + behavior.name, "is empty");
    if (!tokens.insert(behavior.token).second) throw refusal(behavior.token, "stands for two behaviors");
    if (!names.insert(behavior.name).second)
      throw Invalid(Exit::config, "behavior " + behavior.name, "is declared twice", "give each its own name");
  }
}

// The id of a token that the tokenizer has: a special token of its own, not text and not the end of a turn.
TokenId known_id(std::string const& token, TokenId id, Tokenizer const& tokenizer, TokenId rows) {
  if (!tokenizer.is_special(id)) throw refusal(token, "is plain text to this tokenizer");
  if (id == tokenizer.bos() || id == tokenizer.eos()) throw refusal(token, "begins or ends a text of this model");
  if (id >= rows)
    throw refusal(token, "has id " + std::to_string(id) + ", the model has " + std::to_string(rows) + " rows");
  return id;
}

}  // namespace

std::string BehaviorMap::digest() const {
  Digest digest;
  for (auto const& entry : tokens)
    digest.add(entry.name).add(entry.token).add(entry.description).add(std::to_string(entry.id));
  return digest.hex();
}

BehaviorMap assign_behavior_ids(std::span<BehaviorSpec const> behaviors, Tokenizer const& tokenizer, TokenId rows) {
  expect_sound(behaviors);
  if (tokenizer.size() > rows)
    throw Invalid(Exit::data, "tokenizer and model do not fit",
                  std::to_string(tokenizer.size()) + " ids, " + std::to_string(rows) + " rows",
                  "take both from one folder");
  BehaviorMap map;
  std::set<TokenId> taken;
  for (auto const& behavior : behaviors)
    if (auto const id = tokenizer.find(behavior.token)) taken.insert(known_id(behavior.token, *id, tokenizer, rows));
  auto const reserved = tokenizer.reserved();
  auto next_reserved = reserved.begin();
  TokenId next_row = tokenizer.size();
  for (auto const& behavior : behaviors) {
    BehaviorToken entry{behavior.name, behavior.token, behavior.description, 0};
    while (next_reserved != reserved.end() && taken.contains(*next_reserved)) ++next_reserved;
    if (auto const id = tokenizer.find(behavior.token)) {
      entry.id = *id;
    } else if (next_reserved != reserved.end()) {
      entry.id = *next_reserved++;
    } else {
      entry.id = next_row++;  // a free row of the table, or a new one at its end
    }
    map.tokens.push_back(std::move(entry));
  }
  return map;
}

}  // namespace bsft
