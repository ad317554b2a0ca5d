#include "trainer/model/decoding.hpp"

#include <gtest/gtest.h>

#include <random>

#include "kernels/op/torch.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

constexpr TokenId reactive = 5, proactive = 97;

Decoder made(bool tied) {
  Shape shape;
  shape.family = tied ? "llama" : "qwen2";
  shape.vocabulary = 97, shape.width = 48, shape.layers = 3, shape.heads = 4, shape.kv_heads = 2, shape.head_width = 12;
  shape.feed_forward = 80, shape.max_positions = 512, shape.tied = tied, shape.attention_bias = !tied;
  Decoder decoder(shape, {reactive, proactive}, "all");
  initialise_random(decoder, 3);
  at::NoGradGuard const guard;  // larger than training starts with, so that differences show
  for (Parameter const& parameter : decoder.parameters())
    parameter.value.mul_(parameter.name.ends_with("norm.weight") ? 1 : 8);
  return decoder;
}

std::vector<TokenId> words(std::size_t length, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < length; ++i) tokens.push_back(static_cast<TokenId>(random() % 97));
  return tokens;
}

std::vector<TokenId> and_then(std::vector<TokenId> tokens, std::vector<TokenId> const& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

Sequence prompt_of(std::vector<TokenId> tokens, std::int64_t share = -1) {
  Sequence sequence;
  sequence.tokens = std::move(tokens);
  sequence.share = share;
  return sequence;
}

// Logits of the token after `tokens`, without a cache.
at::Tensor whole(Decoder const& decoder, std::vector<TokenId> const& tokens) {
  at::NoGradGuard const guard;
  auto const count = static_cast<std::int32_t>(tokens.size());
  Forest forest;
  forest.tokens = tokens;
  forest.segments.push_back({0, count, -1, 0});
  return decoder.logits(decoder.forward(forest), {count - 1})[0];
}

// Prompts of one token, of a case's shared beginning, the beginning of another, twice the same.
std::vector<Sequence> prompts() {
  auto const dialogue = words(33, 1);
  std::vector<Sequence> all{prompt_of({7})};
  for (auto const& end : std::vector<std::vector<TokenId>>{
           {}, {reactive}, {proactive}, {3, 1, 4}, {3, 1, 4, reactive}, {3, 1, 4, reactive}, {3}})
    all.push_back(prompt_of(and_then(dialogue, end), 1));
  all.push_back(prompt_of(words(255, 2)));
  all.push_back(prompt_of(and_then(dialogue, {8}), 2));
  return all;
}

TEST(Decoding, EveryBranchSaysWhatItsWholeSequenceSays) {
  for (bool const tied : {true, false}) {
    Decoder const decoder = made(tied);
    std::vector<Sequence> const given = prompts();
    std::vector<std::int32_t> room;
    for (std::size_t b = 0; b < given.size(); ++b)
      room.push_back(b == 3 ? 0 : 2 + static_cast<std::int32_t>(3 * b % 7));
    Decoding decoding(decoder, given, room);
    std::vector<std::vector<TokenId>> sequences;
    for (Sequence const& one : given) sequences.push_back(one.tokens);
    std::mt19937 random(4);
    std::size_t compared = 0;
    for (;;) {
      std::vector<std::int32_t> open, all(given.size());
      std::vector<TokenId> tokens;
      for (std::size_t b = 0; b < given.size(); ++b) all[b] = static_cast<std::int32_t>(b);
      at::Tensor const logits = decoding.logits(all);
      for (std::size_t b = 0; b < given.size(); ++b, ++compared) {
        at::Tensor const expected = whole(decoder, sequences[b]), got = logits[static_cast<std::int64_t>(b)];
        EXPECT_LT((got - expected).abs().max().item<double>(), 2e-4) << "branch " << b;
        EXPECT_TRUE(at::equal(got.argmax(), expected.argmax())) << "branch " << b;
      }
      for (std::size_t b = given.size(); b-- > 0;) {  // the order of a step's branches does not matter
        if (sequences[b].size() - given[b].tokens.size() == static_cast<std::size_t>(room[b])) continue;
        open.push_back(static_cast<std::int32_t>(b));
        tokens.push_back(static_cast<TokenId>(random() % 98));
        sequences[b].push_back(tokens.back());
      }
      if (open.empty()) break;
      decoding.step(open, tokens);
    }
    EXPECT_GT(compared, 60U);
  }
}

TEST(Decoding, ACaseIsVisitedOnce) {
  Decoder const decoder = made(true);
  auto const dialogue = words(100, 1);
  std::vector<Sequence> given{prompt_of(dialogue, 1), prompt_of(and_then(dialogue, {reactive}), 1),
                              prompt_of(and_then(dialogue, {proactive}), 1)};
  std::vector<std::int32_t> const room{4, 5, 6};
  EXPECT_EQ(Decoding(decoder, given, room).rows(), 100 + 2 + 4 + 5 + 6);
}

TEST(Decoding, TheSameCallsGiveTheSameBits) {
  Decoder const decoder = made(true);
  auto const run = [&] {
    std::vector<std::int32_t> const room(prompts().size(), 2), some{1, 4, 8};
    std::vector<TokenId> const tokens{11, 12, proactive};
    Decoding decoding(decoder, prompts(), room);
    decoding.step(some, tokens);
    return decoding.logits(some);
  };
  EXPECT_TRUE(at::equal(run(), run()));
}

TEST(Decoding, ADialIsTheBlendedRow) {
  Decoder const decoder = made(true), blended = made(true);
  auto const dialogue = words(20, 1);
  float const share = 0.3F;
  at::NoGradGuard const guard;
  at::Tensor const rows = blended.parameter("behavior.rows").value;
  rows[0].copy_(rows[0] * (1 - share) + rows[1] * share);
  auto const dial = static_cast<TokenId>(decoder.exported_vocabulary());
  std::vector<BehaviorDial> const dials{{0, 1, 0.0F}, {0, 1, share}, {1, 0, 0.0F}};
  std::vector<Sequence> given;
  for (std::size_t d = 0; d < dials.size(); ++d)
    given.push_back(prompt_of(and_then(dialogue, {dial + static_cast<TokenId>(d)}), 1));
  std::vector<std::int32_t> const room(3, 1), all{0, 1, 2};
  Decoding decoding(decoder, given, room, dials);
  auto const columns = [](at::Tensor const& logits) { return logits.narrow(0, 10, 80); };  // not of the behaviours
  auto const distance = [&](std::int64_t branch, at::Tensor const& expected) {
    return (columns(decoding.logits(all)[branch]) - columns(expected)).abs().max().item<double>();
  };
  EXPECT_LT(distance(0, whole(decoder, and_then(dialogue, {reactive}))), 2e-4);
  EXPECT_LT(distance(1, whole(blended, and_then(dialogue, {reactive}))), 2e-4);
  EXPECT_LT(distance(2, whole(decoder, and_then(dialogue, {proactive}))), 2e-4);
  EXPECT_GT(distance(1, whole(decoder, and_then(dialogue, {reactive}))), 1e-2);
}

TEST(Decoding, RefusesMoreThanItsRoom) {
  Decoder const decoder = made(true);
  std::vector<std::int32_t> const room{1}, one{0};
  std::vector<TokenId> const token{3};
  Decoding decoding(decoder, {prompt_of({1, 2})}, room);
  decoding.step(one, token);
  EXPECT_ANY_THROW(decoding.step(one, token));
}

}  // namespace
}  // namespace bsft
