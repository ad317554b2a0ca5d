#include "data/feed/forest.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// The tokens of a row's path, root first: what it attends to, itself last.
std::vector<TokenId> path(Forest const& forest, std::int32_t row) {
  std::vector<TokenId> tokens;
  std::int32_t segment = 0;
  while (forest.segments[segment].end <= row) ++segment;
  for (std::int32_t end = row + 1; segment >= 0; segment = forest.segments[segment].parent) {
    Segment const& s = forest.segments[segment];
    if (end > s.end) end = s.end;
    tokens.insert(tokens.begin(), forest.tokens.begin() + s.begin, forest.tokens.begin() + end);
    end = std::numeric_limits<std::int32_t>::max();
  }
  return tokens;
}

Sequence sequence(std::vector<TokenId> tokens, std::int64_t share, std::vector<std::int32_t> targets = {}) {
  Sequence s;
  s.share = share;
  for (std::int32_t const at : targets) {
    TokenId const token = at < static_cast<std::int32_t>(tokens.size()) ? tokens[at] : 99;
    s.targets.push_back({at, token, 0.5F * static_cast<float>(at), at == 1 ? Channel::behavior : Channel::response});
  }
  s.tokens = std::move(tokens);
  return s;
}

// How many tokens of a sequence get a row.
std::size_t planted(Sequence const& s) {
  return s.targets.empty() ? s.tokens.size() : static_cast<std::size_t>(s.targets.back().at);
}

void check_forest(std::vector<Sequence> const& sequences, Forest const& forest) {
  // Structure: rows without a gap, parents earlier, positions continue, families contiguous.
  std::int32_t row = 0;
  for (std::size_t i = 0; i < forest.segments.size(); ++i) {
    Segment const& s = forest.segments[i];
    ASSERT_EQ(s.begin, row);
    ASSERT_LT(s.begin, s.end);
    row = s.end;
    ASSERT_LT(s.parent, static_cast<std::int32_t>(i));
    std::int32_t const expected = s.parent < 0 ? 0
                                               : forest.segments[s.parent].position + forest.segments[s.parent].end -
                                                     forest.segments[s.parent].begin;
    ASSERT_EQ(s.position, expected);
    if (s.parent >= 0) {  // depth first: the segment before is the parent or lies below it
      std::int32_t before = static_cast<std::int32_t>(i) - 1;
      while (before > s.parent) before = forest.segments[before].parent;
      ASSERT_EQ(before, s.parent);
    }
  }
  ASSERT_EQ(row, static_cast<std::int32_t>(forest.tokens.size()));

  // T is the size of the runs' prefix sets; each prefix has one row.
  std::size_t unique = 0;
  std::set<std::vector<TokenId>> prefixes;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    bool const same_run = i > 0 && sequences[i].share >= 0 && sequences[i].share == sequences[i - 1].share;
    if (!same_run) unique += prefixes.size(), prefixes.clear();
    for (std::size_t n = 1; n <= planted(sequences[i]); ++n)
      prefixes.insert({sequences[i].tokens.begin(), sequences[i].tokens.begin() + static_cast<std::ptrdiff_t>(n)});
  }
  ASSERT_EQ(forest.tokens.size(), unique + prefixes.size());

  // Each target's row spells its sequence's prefix.
  std::size_t next = 0;
  for (Sequence const& s : sequences)
    for (Target const& target : s.targets) {
      SupervisedRow const& supervised = forest.supervised.at(next++);
      ASSERT_EQ(path(forest, supervised.row), std::vector<TokenId>(s.tokens.begin(), s.tokens.begin() + target.at));
      ASSERT_EQ(supervised.target, target.token);
      ASSERT_EQ(supervised.weight, target.weight);
      ASSERT_EQ(supervised.channel, target.channel);
      ASSERT_EQ(supervised.task, s.task);
      ASSERT_EQ(supervised.behavior, s.behavior);
      ASSERT_EQ(supervised.sample, s.sample);
    }
  ASSERT_EQ(forest.supervised.size(), next);
}

TEST(Forest, ConditionsAndLabelsAreLeaves) {
  // prompt 1 2 3; conditions 10 and 11; labels 20 21 and 20 22.
  std::vector<Sequence> const sequences{
      sequence({1, 2, 3, 10, 20, 21}, 7, {4, 5}), sequence({1, 2, 3, 10, 20, 22}, 7, {4, 5}),
      sequence({1, 2, 3, 11, 20, 21}, 7, {4, 5}), sequence({1, 2, 3, 20, 21}, 7, {3, 4})};
  Forest const forest = plant(sequences);
  EXPECT_EQ(forest.tokens, (std::vector<TokenId>{1, 2, 3, 10, 20, 11, 20, 20}));
  ASSERT_EQ(forest.segments.size(), 4U);
  EXPECT_EQ(forest.segments[3].parent, 0);
  EXPECT_EQ(forest.supervised[0].row, forest.supervised[2].row);  // two labels after one condition
  EXPECT_EQ(forest.supervised[6].row, 2);                         // and from the prompt itself
  check_forest(sequences, forest);
}

TEST(Forest, ContrastPairSharesItsPrompt) {
  std::vector<Sequence> const pair{sequence({5, 6, 7, 30, 1, 9}, 0, {3, 4, 5}),
                                   sequence({5, 6, 7, 31, 2, 9}, 0, {3, 4, 5})};
  Forest const forest = plant(pair);
  EXPECT_EQ(forest.tokens.size(), 3U + 2U + 2U);  // the closing tokens predict nothing
  EXPECT_EQ(forest.supervised[0].row, 2);
  EXPECT_EQ(forest.supervised[3].row, 2);
  check_forest(pair, forest);
}

TEST(Forest, DoesNotShareWithoutLeave) {
  std::vector<Sequence> const apart{sequence({1, 2}, -1), sequence({1, 2}, -1), sequence({1, 2}, 3),
                                    sequence({1, 2}, 4)};
  Forest const forest = plant(apart);
  EXPECT_EQ(forest.segments.size(), 4U);
  check_forest(apart, forest);
}

TEST(Forest, APrefixOfAnotherNeedsNoSegment) {
  for (auto const& order : {std::vector<std::size_t>{3, 6, 2}, {6, 3, 2}, {2, 3, 6}}) {
    std::vector<Sequence> nested;
    std::vector<TokenId> const tokens{1, 2, 3, 4, 5, 6};
    for (std::size_t const n : order)
      nested.push_back(sequence({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n)}, 1,
                                {1, static_cast<std::int32_t>(n)}));
    Forest const forest = plant(nested);
    EXPECT_EQ(forest.segments.size(), 1U);
    check_forest(nested, forest);
  }
}

TEST(Forest, NothingGivesNothing) { EXPECT_TRUE(plant({}).tokens.empty()); }

TEST(Forest, RefusesWhatCannotBePlanted) {
  EXPECT_THROW(plant(std::vector{sequence({}, 0)}), Error);
  EXPECT_THROW(plant(std::vector{sequence({1, 2}, 0, {0})}), Error);
  EXPECT_THROW(plant(std::vector{sequence({1, 2}, 0, {3})}), Error);
  EXPECT_THROW(plant(std::vector{sequence({1, 2, 3}, 0, {2, 1})}), Error);
}

TEST(Forest, RandomSequencesAgainstBruteForce) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Sequence> sequences;
    int const count = 1 + static_cast<int>(random() % 12), letters = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < count; ++i) {
      std::vector<TokenId> tokens(1 + random() % 20);
      for (TokenId& token : tokens) token = static_cast<TokenId>(random() % letters);
      std::vector<std::int32_t> targets;
      for (std::size_t at = 1; at <= tokens.size(); ++at)
        if (random() % 3 == 0) targets.push_back(static_cast<std::int32_t>(at));
      sequences.push_back(sequence(tokens, static_cast<std::int64_t>(random() % 4) - 1, targets));
      sequences.back().sample = i;
    }
    check_forest(sequences, plant(sequences));
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace bsft
