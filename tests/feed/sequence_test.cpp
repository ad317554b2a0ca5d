#include "data/feed/sequence.hpp"

#include <gtest/gtest.h>

#include <string>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// prompt 10 11 12 | behaviour 1 | response 20 21 | end 3
RecordInfo info_of() {
  RecordInfo info;
  info.prompt_end = 3;
  info.behavior_end = 4;
  info.response_end = 6;
  info.length = 7;
  info.behavior = BehaviorId{1};
  info.case_index = 42;
  return info;
}
StoredTokens const stored{{10, 11, 12, 1, 20, 21, 3}, {0, 0, 0, 1, 1, 1, 1}};

std::string targets_of(Sequence const& sequence) {
  std::string text;
  for (Target const& t : sequence.targets) {
    text += std::to_string(t.at) + ":" + std::to_string(t.token) + "*" + std::to_string(t.weight).substr(0, 3) +
            "bre"[static_cast<int>(t.channel)] + " ";
  }
  return text;
}

TEST(Sequence, BehaviorTokenIsTheFirstTarget) {
  SequenceSettings settings;
  settings.loss_weight = 0.5;
  Sequence const s = training_sequence(9, info_of(), stored, settings);
  EXPECT_EQ(s.tokens, (std::vector<TokenId>{10, 11, 12, 1, 20, 21, 3}));
  EXPECT_EQ(targets_of(s), "3:1*0.5b 4:20*1.0r 5:21*1.0r 6:3*1.0e ");
  EXPECT_EQ(s.sample, 9);
  EXPECT_EQ(s.share, -1);
}

TEST(Sequence, GivenBehaviorIsNoTarget) {
  SequenceSettings settings;
  settings.in_loss = false;
  Sequence const s = training_sequence(0, info_of(), stored, settings);
  EXPECT_EQ(s.tokens, stored.tokens);
  EXPECT_EQ(targets_of(s), "4:20*1.0r 5:21*1.0r 6:3*1.0e ");
}

TEST(Sequence, BeforePromptPutsItFirstAndUnsupervised) {
  SequenceSettings settings;
  settings.position = BehaviorPosition::before_prompt;
  Sequence const s = training_sequence(0, info_of(), stored, settings);
  EXPECT_EQ(s.tokens, (std::vector<TokenId>{1, 10, 11, 12, 20, 21, 3}));
  EXPECT_EQ(targets_of(s), "4:20*1.0r 5:21*1.0r 6:3*1.0e ");
}

TEST(Sequence, NoTokenForStandardFineTuning) {
  SequenceSettings settings;
  settings.uses_token = {1, 0};
  settings.shares = true;
  Sequence const s = training_sequence(0, info_of(), stored, settings);
  EXPECT_EQ(s.tokens, (std::vector<TokenId>{10, 11, 12, 20, 21, 3}));
  EXPECT_EQ(targets_of(s), "3:20*1.0r 4:21*1.0r 5:3*1.0e ");
  EXPECT_EQ(s.share, 42);
}

// Half of the records get either token, whatever their own is, and each the same one again.
TEST(Sequence, ShuffledTokensAreDrawnByTheSeed) {
  SequenceSettings settings;
  settings.shuffle.emplace().tokens = {7, 1};
  settings.shuffle->seed = 5;
  std::int64_t second = 0;
  for (std::int64_t record = 0; record < 1000; ++record) {
    Sequence const s = training_sequence(record, info_of(), stored, settings);
    bool const is_second = s.tokens[3] == 1;
    second += is_second ? 1 : 0;
    EXPECT_EQ(s.tokens, (std::vector<TokenId>{10, 11, 12, is_second ? 1 : 7, 20, 21, 3}));
    EXPECT_EQ(index(s.behavior), is_second ? 1 : 0);
    EXPECT_EQ(s.targets[0].token, s.tokens[3]);
    EXPECT_EQ(training_sequence(record, info_of(), stored, settings).tokens, s.tokens);
  }
  EXPECT_NEAR(second, 500, 60);
  auto const drawn = [&](std::uint64_t seed) {
    settings.shuffle->seed = seed;
    std::string all;
    for (std::int64_t record = 0; record < 64; ++record)
      all += std::to_string(training_sequence(record, info_of(), stored, settings).tokens[3]);
    return all;
  };
  EXPECT_NE(drawn(5), drawn(6));
  settings.uses_token = {0, 1};  // only behaviours with a token are drawn
  for (std::int64_t record = 0; record < 64; ++record)
    EXPECT_EQ(training_sequence(record, info_of(), stored, settings).tokens[3], 1);
}

TEST(Sequence, TheSetNamesBehaviors) {
  BehaviorMap map;
  map.tokens = {{"reactive", "<|reactive|>", "", 1}, {"proactive", "<|proactive|>", "", 2}};
  EXPECT_EQ(behaviors_in_use({}, map), (std::vector<char>{1, 1}));
  EXPECT_EQ(behaviors_in_use({"none"}, map), (std::vector<char>{0, 0}));
  EXPECT_EQ(behaviors_in_use({"proactive"}, map), (std::vector<char>{0, 1}));
  EXPECT_THROW(behaviors_in_use({"proactve"}, map), Invalid);
}

TEST(Sequence, SpansThatDoNotFitAreBroken) {
  RecordInfo info = info_of();
  info.length = 8;
  EXPECT_THROW(training_sequence(0, info, stored, {}), Broken);
  info = info_of();
  info.prompt_end = 0;
  EXPECT_THROW(training_sequence(0, info, stored, {}), Broken);
}

}  // namespace
}  // namespace bsft
