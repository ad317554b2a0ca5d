// A tiny decoder and made-up records for the tests of the loop.
#pragma once

#include <memory>

#include "tests/feed/records.hpp"
#include "trainer/loop/train.hpp"
#include "trainer/model/weights.hpp"

namespace bsft::testing {

inline Shape tiny_shape() {
  Shape shape;
  shape.family = "llama";
  shape.vocabulary = 50;
  shape.width = 16;
  shape.layers = 2;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_width = 4;
  shape.feed_forward = 24;
  shape.max_positions = 128;
  return shape;
}

// Of which eight ranks have a part each.
inline Shape sharded_shape() {
  Shape shape = tiny_shape();
  shape.vocabulary = 4096;
  shape.width = 64;
  shape.layers = 8;
  shape.head_width = 16;
  shape.feed_forward = 176;
  return shape;
}

// Small ones, so that there are several.
inline Buckets buckets_of(Decoder const& decoder) {
  return bsft::buckets_of(decoder.flat().numel(), decoder.behaviors_begin(), std::int64_t{1} << 20, op::norm_block);
}

struct Tiny {
  explicit Tiny(std::int64_t cases = 40, std::int64_t group_size = 1, std::int64_t global_batch_size = 24)
      : records(made_up_records(cases)),
        order(records, trainable_records(records, 1000, TooLong::error), {3, global_batch_size, group_size}) {
    at::set_num_threads(1);
    loader.sequence.shares = group_size > 1;
    loader.sequence.loss_weight = 0.5;
  }
  static std::unique_ptr<Decoder> model(Shape const& shape = tiny_shape()) {
    auto decoder = std::make_unique<Decoder>(shape, std::vector<TokenId>{0, 1}, "none");
    initialise_random(*decoder, 9);
    initialise_behavior_rows(*decoder, "random", {}, 9);
    return decoder;
  }
  RecordSource source() const {
    return [this](std::int64_t r) { return made_up_tokens(records[static_cast<std::size_t>(r)], r, 50); };
  }
  TrainData data(LaneRange mine, std::int64_t lanes, std::int64_t tokens_a_pass) const {
    LoaderSettings settings = loader;
    settings.mine = mine;
    settings.lanes = lanes;
    settings.max_tokens_per_pass = tokens_a_pass;
    return {order, records, source(), settings};
  }

  std::vector<RecordInfo> records;
  Order order;
  LoaderSettings loader;
};

}  // namespace bsft::testing
