#include "trainer/model/decoder.hpp"

#include <gtest/gtest.h>

#include <random>

#include "data/base/error.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

Shape small(bool tied, bool bias = false) {
  Shape shape;
  shape.family = bias ? "qwen2" : "llama";
  shape.vocabulary = 97, shape.width = 48, shape.layers = 3, shape.heads = 4, shape.kv_heads = 2, shape.head_width = 12;
  shape.feed_forward = 80, shape.max_positions = 512, shape.tied = tied, shape.attention_bias = bias;
  return shape;
}

Decoder made(Shape const& shape, std::string const& freeze = "none", std::vector<TokenId> ids = {5, 97}) {
  Decoder decoder(shape, std::move(ids), freeze);
  initialise_random(decoder, 3);
  at::NoGradGuard const guard;  // larger than training starts with, so that differences show
  for (Parameter const& parameter : decoder.parameters())
    parameter.value.mul_(parameter.name.ends_with("norm.weight") ? 1 : 8);
  return decoder;
}

Sequence words(std::size_t length, std::uint32_t seed, std::int64_t share = -1) {
  std::mt19937 random(seed);
  Sequence sequence;
  sequence.share = share;
  for (std::size_t i = 0; i < length; ++i) sequence.tokens.push_back(static_cast<TokenId>(random() % 97));
  for (std::int32_t at = static_cast<std::int32_t>(length) - 3; at < static_cast<std::int32_t>(length); ++at)
    sequence.targets.push_back({at, sequence.tokens[at], 1.0F / static_cast<float>(at), Channel::response});
  return sequence;
}

std::vector<std::int32_t> rows_of(Forest const& forest, std::int64_t first, std::int64_t last) {
  std::vector<std::int32_t> rows;
  for (std::int64_t i = first; i < last; ++i) rows.push_back(forest.supervised[static_cast<std::size_t>(i)].row);
  return rows;
}

at::Tensor logits_of(Decoder const& decoder, std::vector<Sequence> const& sequences, std::int64_t first,
                     std::int64_t last) {
  Forest const forest = plant(sequences);
  return decoder.logits(decoder.forward(forest), rows_of(forest, first, last));
}

at::Tensor gradient_of(Decoder const& decoder, std::vector<std::vector<Sequence>> const& passes) {
  decoder.flat_gradient().zero_();
  for (auto const& sequences : passes) decoder.loss(plant(sequences), 0.25).total.backward();
  return decoder.flat_gradient().clone();
}

double distance(at::Tensor const& a, at::Tensor const& b) { return (a - b).abs().max().item<double>(); }

TEST(Decoder, ANeighbourOfTheSameLengthChangesNoBit) {
  Decoder const decoder = made(small(true));
  for (std::int64_t const share : {-1, 4}) {  // -1: trees of their own; 4: the same tree's run, other root
    Sequence const mine = words(40, 1, share);
    for (std::size_t const length : {4U, 17U, 64U, 200U}) {
      Sequence one = words(length, 2), other = words(length, 3);
      one.tokens[0] = 60, other.tokens[0] = 61;
      at::Tensor const a = logits_of(decoder, {one, mine, one}, 3, 6),
                       b = logits_of(decoder, {other, mine, other}, 3, 6);
      EXPECT_TRUE(at::equal(a, b)) << "length " << length;
      EXPECT_FALSE(at::equal(logits_of(decoder, {one, mine}, 0, 3), logits_of(decoder, {other, mine}, 0, 3)));
    }
  }
}

TEST(Decoder, AloneInALaneAndUnderASharedPrefixAgree) {
  for (bool const tied : {true, false}) {
    Decoder const decoder = made(small(tied, !tied));
    std::vector<Sequence> shared{words(60, 5, 1), words(60, 5, 1), words(60, 5, 1)};
    shared[1].tokens[40] = 7, shared[2].tokens[41] = 97, shared[0].tokens[45] = 5;  // leave the common prefix
    std::vector<Sequence> lane = shared;
    for (Sequence& sequence : lane) sequence.share = -1;
    EXPECT_LT(plant(shared).tokens.size(), plant(lane).tokens.size());
    at::Tensor const under = logits_of(decoder, shared, 0, 9), beside = logits_of(decoder, lane, 0, 9);
    EXPECT_LE(distance(under.nan_to_num(0, 0, 0), beside.nan_to_num(0, 0, 0)), 1e-5);
    std::vector<std::vector<Sequence>> alone;
    for (std::size_t i = 0; i < lane.size(); ++i) {
      alone.push_back({lane[i]});
      auto const first = static_cast<std::int64_t>(3 * i);
      at::Tensor const single = logits_of(decoder, alone.back(), 0, 3);
      EXPECT_LE(distance(single.nan_to_num(0, 0, 0), beside.narrow(0, first, 3).nan_to_num(0, 0, 0)), 1e-5);
    }
    at::Tensor const by_tree = gradient_of(decoder, {shared}), by_lane = gradient_of(decoder, {lane}),
                     by_one = gradient_of(decoder, alone);
    EXPECT_GT(by_lane.abs().max().item<double>(), 1e-3);
    EXPECT_LE(distance(by_tree, by_lane), 1e-5);
    EXPECT_LE(distance(by_one, by_lane), 1e-5);
  }
}

TEST(Decoder, TheShortWayOfTheLossIsTheLongOne) {
  Decoder const decoder = made(small(false, true));
  Forest const forest = plant(std::vector{words(30, 1, 2), words(50, 2), words(30, 1, 3), words(9, 7)});
  decoder.flat_gradient().zero_();
  op::RowLoss const plain = decoder.loss(decoder.forward(forest), forest.supervised, 0.5);
  plain.total.backward();
  at::Tensor const gradient = decoder.flat_gradient().clone();
  decoder.flat_gradient().zero_();
  op::RowLoss const brief = decoder.loss(forest, 0.5);
  brief.total.backward();
  EXPECT_LE(distance(plain.loss, brief.loss), 1e-5);
  EXPECT_LE(distance(gradient, decoder.flat_gradient()), 1e-5);
  EXPECT_TRUE(at::equal(plain.correct, brief.correct));
  EXPECT_NEAR(plain.total.item<double>(),
              0.5 * (brief.loss.to(at::kDouble) * at::tensor([&] {
                       std::vector<double> weights;
                       for (SupervisedRow const& row : forest.supervised) weights.push_back(row.weight);
                       return weights;
                     }()))
                        .sum()
                        .item<double>(),
              1e-5);
}

TEST(Decoder, TwiceTheSameBits) {
  Decoder const decoder = made(small(true));
  std::vector<std::vector<Sequence>> const passes{{words(70, 1, 0), words(70, 1, 0), words(33, 2)}};
  EXPECT_TRUE(at::equal(gradient_of(decoder, passes), gradient_of(decoder, passes)));
}

TEST(Decoder, NothingSupervisedGivesExactlyZero) {
  Decoder const decoder = made(small(true));
  Sequence silent = words(12, 1), weightless = words(12, 2);
  silent.targets.clear();
  for (Target& target : weightless.targets) target.weight = 0;
  for (Sequence const& sequence : {silent, weightless}) {
    decoder.flat_gradient().zero_();
    op::RowLoss const loss = decoder.loss(plant(std::vector{sequence}), 1);
    loss.total.backward();
    EXPECT_EQ(loss.total.item<float>(), 0);
    EXPECT_EQ(decoder.flat_gradient().abs().max().item<float>(), 0);
  }
}

TEST(Decoder, FreezingKeepsTheBaseAndTrainsTheRows) {
  for (bool const tied : {true, false})
    for (std::string const freeze : {"none", "embeddings", "all"}) {
      Decoder const decoder = made(small(tied), freeze);
      std::string const before = decoder.base_digest();
      Sequence sequence = words(30, 1);
      sequence.tokens[20] = 97, sequence.tokens[28] = 5;
      sequence.targets[1].token = 5;
      at::Tensor const gradient = gradient_of(decoder, {{sequence}});
      std::int64_t trainable = 0;
      for (Parameter const& parameter : decoder.parameters()) {
        bool const behavior = parameter.name.starts_with("behavior.");
        bool const table = parameter.name == "model.embed_tokens.weight" || parameter.name == "lm_head.weight";
        EXPECT_EQ(parameter.trainable, behavior || freeze == "none" || (freeze == "embeddings" && !table))
            << parameter.name;
        EXPECT_EQ(parameter.offset >= 0, parameter.trainable);
        if (!parameter.trainable) continue;
        trainable += parameter.value.numel();
        EXPECT_GT(parameter.value.grad().abs().max().item<double>(), 0) << parameter.name << " " << freeze;
        EXPECT_EQ(parameter.value.grad().data_ptr<float>(),
                  decoder.flat_gradient().data_ptr<float>() + parameter.offset);
        EXPECT_EQ(parameter.value.data_ptr<float>(), decoder.flat().data_ptr<float>() + parameter.offset);
      }
      EXPECT_LE(decoder.flat().numel() - trainable, 16 * static_cast<std::int64_t>(decoder.parameters().size()));
      {
        at::NoGradGuard const guard;
        decoder.flat().sub_(gradient, 0.1);
      }
      EXPECT_EQ(decoder.base_digest() == before, freeze != "none");
    }
}

TEST(Decoder, RangesCoverTheFlatBuffer) {
  Decoder const decoder = made(small(false, true));
  std::int64_t end = 0;
  for (ParameterRange const& range : decoder.ranges()) {
    EXPECT_EQ(range.begin, end);
    EXPECT_EQ(range.decays, range.group == "weights");
    end = range.end;
    for (Parameter const& parameter : decoder.parameters())
      if (parameter.offset >= range.begin && parameter.offset < range.end) {
        EXPECT_EQ(parameter.decays, range.decays) << parameter.name;
        EXPECT_LE(parameter.offset + parameter.value.numel(), range.end);
      }
  }
  EXPECT_EQ(end, decoder.flat().numel());
  EXPECT_EQ(decoder.ranges().back().group, "behavior");
}

TEST(Decoder, ABehaviourIdHidesItsBaseRow) {
  Decoder const decoder = made(small(true));
  EXPECT_EQ(decoder.exported_vocabulary(), 98);
  EXPECT_EQ(decoder.parameter("model.embed_tokens.weight").value[5].abs().max().item<float>(), 0);
  Sequence sequence = words(20, 1);
  sequence.tokens[4] = 5, sequence.targets[0].token = 5, sequence.targets[1].token = 97;
  gradient_of(decoder, {{sequence}});
  EXPECT_EQ(decoder.parameter("model.embed_tokens.weight").value.grad()[5].abs().max().item<float>(), 0);
}

TEST(Decoder, OneSeedOneStart) {
  Decoder a(small(true), {5, 97}, "none"), b(small(true), {5, 97}, "all");
  initialise_random(a, 9), initialise_random(b, 9);
  for (std::size_t i = 0; i < a.parameters().size(); ++i)
    EXPECT_TRUE(at::equal(a.parameters()[i].value, b.parameters()[i].value)) << a.parameters()[i].name;
  // The bits themselves: another machine must agree.
  EXPECT_EQ(a.base_digest(), "368e7afa01fe9d6dfe5be45bbd28bd0a");
  at::Tensor const gate = a.parameter("model.layers.0.mlp.gate_proj.weight").value;
  EXPECT_NEAR(gate.std().item<double>(), 0.02, 0.001);
  EXPECT_NEAR(gate.mean().item<double>(), 0, 0.001);
  initialise_random(b, 10);
  EXPECT_FALSE(at::equal(a.parameters()[0].value, b.parameters()[0].value));
}

TEST(Decoder, RowsFromDescriptionMeanAndRandom) {
  for (bool const tied : {true, false}) {
    Decoder decoder(small(tied), {5, 97}, "all");
    initialise_random(decoder, 1);
    initialise_behavior_rows(decoder, "description", {{1, 2, 3}, {4, 5}}, 1);
    at::Tensor const table = decoder.parameter(tied ? "model.embed_tokens.weight" : "lm_head.weight").value;
    at::Tensor const rows = decoder.parameter(tied ? "behavior.rows" : "behavior.head_rows").value;
    at::Tensor const norms = table.norm(2, 1);
    double const median = norms.index_select(0, (norms > 0).nonzero().squeeze(1)).median().item<double>();
    at::Tensor const mean = (table[1] + table[2] + table[3]) / 3;
    EXPECT_LE(distance(rows[0], mean), 1e-6);
    EXPECT_LE(distance(rows[1], table[4]), 1e-6);  // 5 is a behaviour itself
    initialise_behavior_rows(decoder, "mean", {}, 1);
    EXPECT_LE(distance(rows[0], table.sum(0) / 96), 1e-6);
    initialise_behavior_rows(decoder, "random", {}, 1);
    EXPECT_GT(distance(rows[0], rows[1]), 1e-3);
    EXPECT_NEAR(rows[1].norm().item<double>(), median, 0.02 * median);
    EXPECT_THROW(initialise_behavior_rows(decoder, "description", {{1}, {}}, 1), Invalid);
    EXPECT_THROW(initialise_behavior_rows(decoder, "descriptions", {{1}, {2}}, 1), Invalid);
  }
}

TEST(Decoder, WithoutBehaviours) {
  Decoder const decoder = made(small(true), "none", {});
  at::Tensor const gradient = gradient_of(decoder, {{words(30, 1)}});
  EXPECT_GT(gradient.abs().max().item<double>(), 0);
  EXPECT_EQ(decoder.exported_vocabulary(), 97);
}

TEST(Decoder, RefusesIdsOutOfRange) {
  EXPECT_THROW(Decoder(small(true), {5, 5}, "none"), Invalid);
  EXPECT_THROW(Decoder(small(true), {-1}, "none"), Invalid);
  EXPECT_THROW(Decoder(small(true), {2'000'000'000}, "none"), Invalid);
  EXPECT_THROW(Decoder(small(true), {5}, "some"), Invalid);
  Decoder const decoder = made(small(true));
  for (TokenId const id : {-1, 98, 1000}) {
    Sequence sequence = words(5, 1);
    sequence.tokens[1] = id;
    EXPECT_THROW(decoder.forward(plant(std::vector{sequence})), Invalid);
    sequence = words(5, 1);
    sequence.targets[0].token = id;
    EXPECT_THROW(decoder.loss(plant(std::vector{sequence}), 1), Invalid);
  }
}

}  // namespace
}  // namespace bsft
