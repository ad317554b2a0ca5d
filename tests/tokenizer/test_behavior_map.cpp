// A behaviour token keeps a known id, else takes a reserved one, else a free row, else a new one.
#include "data/tokenizer/behavior_map.hpp"

#include <gtest/gtest.h>

#include "tests/tokenizer/golden_files.hpp"

namespace bsft {
namespace {

std::vector<BehaviorSpec> specs(std::vector<std::string> const& tokens) {
  std::vector<BehaviorSpec> out;
  for (auto const& token : tokens) out.push_back({"name of " + token, token, "words about " + token});
  return out;
}

std::vector<TokenId> ids(BehaviorMap const& map) {
  std::vector<TokenId> out;
  for (auto const& token : map.tokens) out.push_back(token.id);
  return out;
}

TEST(BehaviorMap, KnownThenReservedThenFreeThenNew) {
  Tokenizer const tokenizer(golden::root / "smollm2");
  auto const size = tokenizer.size(), first = *tokenizer.find("<|reserved_0|>"),
             second = *tokenizer.find("<|reserved_1|>");
  auto const behaviors = specs({"<|b0|>", "<|reserved_0|>", "<|b1|>", "<|b2|>", "<|b3|>"});
  auto const map = assign_behavior_ids(behaviors, tokenizer, size + 1);
  EXPECT_EQ(ids(map), (std::vector<TokenId>{second, first, size, size + 1, size + 2}));
  EXPECT_EQ(map.tokens[2].name, "name of <|b1|>");
  EXPECT_EQ(map.tokens[2].token, "<|b1|>");
  EXPECT_EQ(map.tokens[2].description, "words about <|b1|>");
}

TEST(BehaviorMap, FreeRowsOfTheTable) {
  Tokenizer const tokenizer(golden::root / "qwen2");  // no reserved tokens
  auto const size = tokenizer.size();
  EXPECT_EQ(ids(assign_behavior_ids(specs({"<|a|>", "<|b|>"}), tokenizer, size + 100)),
            (std::vector<TokenId>{size, size + 1}));
  EXPECT_EQ(ids(assign_behavior_ids(specs({"<|a|>", "<|b|>"}), tokenizer, size)),
            (std::vector<TokenId>{size, size + 1}));
}

TEST(BehaviorMap, ACheckpointKeepsItsIds) {
  golden::Folder folder;  // as a checkpoint of ours: one reserved token became a behaviour
  golden::write_changed(folder, "llama3", [](auto& d) { d["added_tokens"][3]["content"] = "<|proactive|>"; });
  Tokenizer const before(golden::root / "llama3"), after(folder.path());
  auto const known = *before.find("<|reserved_special_token_1|>");
  auto const map = assign_behavior_ids(specs({"<|reactive|>", "<|proactive|>"}), after, after.size());
  EXPECT_EQ(ids(map), (std::vector<TokenId>{before.reserved().front(), known}));
  EXPECT_EQ(after.encode("<|proactive|>", Specials::parse), std::vector<TokenId>{known});
  EXPECT_EQ(after.size(), before.size());
}

TEST(BehaviorMap, DigestFollowsEveryPart) {
  Tokenizer const tokenizer(golden::root / "smollm2");
  auto const map = assign_behavior_ids(specs({"<|a|>", "<|b|>"}), tokenizer, tokenizer.size());
  auto other = map;
  EXPECT_EQ(other.digest(), map.digest());
  other.tokens[1].id += 1;
  EXPECT_NE(other.digest(), map.digest());
  other = map;
  std::swap(other.tokens[0], other.tokens[1]);
  EXPECT_NE(other.digest(), map.digest());
}

TEST(BehaviorMap, Refusals) {
  Tokenizer const tokenizer(golden::root / "smollm2");
  auto const size = tokenizer.size();
  auto const words = [&](std::vector<std::string> const& tokens, TokenId rows) -> std::string {
    try {
      assign_behavior_ids(specs(tokens), tokenizer, rows);
      return "taken";
    } catch (Invalid const& error) {
      return error.what();
    }
  };
  EXPECT_NE(words({"the"}, size).find("plain text"), std::string::npos);
  EXPECT_NE(words({"<|im_end|>"}, size).find("begins or ends"), std::string::npos);
  EXPECT_NE(words({"<|a|>", "<|a|>"}, size).find("two behaviors"), std::string::npos);
  EXPECT_NE(words({""}, size).find("empty"), std::string::npos);
  EXPECT_NE(words({"<|a|>"}, size - 1).find("do not fit"), std::string::npos);
}

}  // namespace
}  // namespace bsft
