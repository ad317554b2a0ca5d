#include "trainer/model/decoder.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <numbers>
#include <span>

#include "data/base/error.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/attention.hpp"
#include "trainer/model/projection.hpp"

namespace bsft {
namespace {

// As transformers computes it, operation by operation in fp32: angles of far positions feel the last bit.
at::Tensor inverse_frequency(Shape const& shape) {
  at::Tensor const exponent = at::arange(0, shape.head_width, 2, at::kLong).to(at::kFloat) / shape.head_width;
  at::Tensor const plain = 1.0 / at::pow(shape.rope_theta, exponent);
  if (shape.rope_factor == 1) return plain;
  auto const original = static_cast<double>(shape.rope_original);
  at::Tensor const wave = 2 * std::numbers::pi / plain;
  double const long_wave = original / shape.rope_low, short_wave = original / shape.rope_high;
  at::Tensor const scaled = at::where(wave > long_wave, plain / shape.rope_factor, plain);
  at::Tensor const smooth = (original / wave - shape.rope_low) / (shape.rope_high - shape.rope_low);
  at::Tensor const blended = (1 - smooth) * scaled / shape.rope_factor + smooth * scaled;
  return at::where((wave < short_wave).logical_or(wave > long_wave), scaled, blended);
}

template <class T, class From>
at::Tensor to_tensor(From const& values, at::ScalarType type, at::Device device) {
  at::Tensor const tensor = at::empty({static_cast<std::int64_t>(values.size())}, type);
  std::copy(values.begin(), values.end(), tensor.data_ptr<T>());
  return tensor.to(device);
}

}  // namespace

Decoder::Decoder(Shape shape, std::vector<TokenId> behavior_ids, std::string const& freeze, at::Device device)
    : shape_(std::move(shape)), behavior_ids_(std::move(behavior_ids)), flat_(0, device), gradient_(0, device) {
  if (freeze != "none" && freeze != "embeddings" && freeze != "all")
    throw Invalid(Exit::config, "model.freeze: " + freeze, "", "use none, embeddings or all");
  std::vector<TokenId> sorted = behavior_ids_;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end() || (!sorted.empty() && sorted.front() < 0))
    throw Invalid(Exit::data, "behaviour ids", "two are equal or one is negative",
                  "give each behaviour a row of its own");
  if (!sorted.empty() && sorted.back() >= shape_.vocabulary + 65'536)
    throw Invalid(Exit::data, "behaviour id " + std::to_string(sorted.back()),
                  "far beyond the model's " + std::to_string(shape_.vocabulary) + " rows", "use the next free rows");
  behavior_index_ = to_tensor<std::int64_t>(behavior_ids_, at::kLong, at::kCPU);
  allocate(freeze, device);
  inverse_frequency_ = inverse_frequency(shape_).to(device);
}

at::Tensor Decoder::forward(Forest const& forest) const { return hidden(forest, {}); }

at::Tensor Decoder::hidden(Forest const& forest, std::span<std::int32_t const> rows, Visit const& visit) const {
  auto const everyone = std::make_shared<AttentionPlan const>(plan_attention(forest, {}));
  auto const few = rows.empty() ? everyone : std::make_shared<AttentionPlan const>(plan_attention(forest, rows));
  std::vector<float> positions;
  for (std::int32_t const columns : everyone->visible) positions.push_back(static_cast<float>(columns - 1));
  return hidden(
      {forest.tokens, std::move(positions), rows},
      [&](std::int64_t layer, at::Tensor const& q, at::Tensor const& k, at::Tensor const& v) {
        return attend(q, k, v, layer + 1 == shape_.layers ? few : everyone);
      },
      visit);
}

at::Tensor Decoder::hidden(Rows const& rows, Attend const& attend, Visit const& visit) const {
  at::Device const device = inverse_frequency_.device();
  std::int64_t const width = shape_.head_width, heads = shape_.heads, kv_heads = shape_.kv_heads;
  at::Tensor const ids = to_tensor<std::int64_t>(rows.tokens, at::kLong, device);
  at::Tensor const angle = at::outer(to_tensor<float>(rows.positions, at::kFloat, device), inverse_frequency_);
  at::Tensor const cosine = angle.cos(), sine = angle.sin();
  double const epsilon = shape_.norm_epsilon;

  auto const enter = [&](std::int64_t unit) {
    if (visit) visit(Direction::forward, unit);
  };
  // h is what `unit` makes: its gradient is there when the backward of all later units is done.
  auto const leave = [&](std::int64_t unit, at::Tensor const& h) {
    if (visit && h.requires_grad())
      h.register_hook([visit, unit](at::Tensor const&) { visit(Direction::backward, unit); });
  };
  enter(0);
  at::Tensor h = op::behavior_embedding(ids, embedding_, rows_, behavior_index_,
                                        embedding_.requires_grad() ? embedding_.grad() : at::Tensor(), rows.dials);
  leave(0, h);
  for (Layer const& layer : layers_) {
    std::int64_t const unit = &layer - layers_.data() + 1;
    enter(unit);
    auto const [stream, n] = op::passing_rms_norm(h, {}, layer.attention_norm, epsilon);
    h = stream;
    Projection const query{layer.query, layer.query_bias}, key{layer.key, layer.key_bias},
        value{layer.value, layer.value_bias};
    at::Tensor q, k, v;
    if (&layer == &layers_.back() && !rows.kept.empty()) {  // the others serve as keys and values only
      at::Tensor const index = to_tensor<std::int64_t>(rows.kept, at::kLong, device);
      auto const others = project(n, {key, value});
      k = others[0], v = others[1];
      q = op::rope(project(n.index_select(0, index), {query})[0].view({-1, heads, width}),
                   cosine.index_select(0, index), sine.index_select(0, index));
      h = h.index_select(0, index);
    } else {
      auto const all = project(n, {query, key, value});
      k = all[1], v = all[2];
      q = op::rope(all[0].view({-1, heads, width}), cosine, sine);
    }
    k = op::rope(k.view({-1, kv_heads, width}), cosine, sine);
    h = project_onto(h, attend(unit - 1, q, k, v.view({-1, kv_heads, width})), layer.output);
    auto const [attended, m] = op::passing_rms_norm(h, {}, layer.feed_norm, epsilon);
    auto const feed = project(m, {{layer.gate, {}}, {layer.up, {}}});
    h = project_onto(attended, op::swiglu(feed[0], feed[1]), layer.down);
    leave(unit, h);
  }
  enter(units() - 1);
  return op::rms_norm(h, final_norm_, epsilon);
}

op::RowLoss Decoder::loss(at::Tensor const& hidden, std::vector<SupervisedRow> const& rows, double scale) const {
  std::vector<std::int64_t> index;
  for (SupervisedRow const& row : rows) {
    if (row.row < 0 || row.row >= hidden.size(0))
      throw Invalid(Exit::data, "supervised row " + std::to_string(row.row), "the forest has fewer rows");
    index.push_back(row.row);
  }
  return row_loss(hidden, index, rows, scale);
}

op::RowLoss Decoder::loss(Forest const& forest, double scale, Visit const& visit) const {
  std::vector<std::int32_t> rows;
  for (SupervisedRow const& row : forest.supervised) rows.push_back(row.row);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  std::vector<std::int64_t> index;
  for (SupervisedRow const& row : forest.supervised)
    index.push_back(std::lower_bound(rows.begin(), rows.end(), row.row) - rows.begin());
  return row_loss(hidden(forest, rows, visit), index, forest.supervised, scale);
}

op::RowLoss Decoder::row_loss(at::Tensor const& hidden, std::vector<std::int64_t> const& index,
                              std::vector<SupervisedRow> const& rows, double scale) const {
  at::Device const device = inverse_frequency_.device();
  std::vector<std::int64_t> targets;
  std::vector<float> weights;
  for (SupervisedRow const& row : rows) {
    targets.push_back(row.target);
    weights.push_back(static_cast<float>(row.weight * scale));
  }
  at::Tensor const chosen = hidden.index_select(0, to_tensor<std::int64_t>(index, at::kLong, device));
  return op::masked_linear_cross_entropy(
      chosen, head_, head_rows_, behavior_index_, to_tensor<std::int64_t>(targets, at::kLong, device),
      to_tensor<float>(weights, at::kFloat, device), {head_.grad(), head_rows_.grad()});
}

at::Tensor Decoder::logits(at::Tensor const& hidden, std::vector<std::int32_t> const& rows) const {
  at::NoGradGuard const guard;
  at::Tensor const chosen =
      hidden.index_select(0, to_tensor<std::int64_t>(rows, at::kLong, inverse_frequency_.device()));
  at::Tensor const all =
      at::full({chosen.size(0), exported_vocabulary()}, -std::numeric_limits<double>::infinity(), chosen.options());
  all.narrow(1, 0, shape_.vocabulary).copy_(at::linear(chosen, head_));
  all.index_copy_(1, behavior_index_.to(inverse_frequency_.device()), at::linear(chosen, head_rows_));
  return all;
}

}  // namespace bsft
