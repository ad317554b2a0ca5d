#include <algorithm>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {
namespace {

constexpr std::int64_t alignment = 16;  // floats: 64 bytes, so that products do not depend on what lies before

// A parameter before it has memory.
struct Wanted {
  std::string name;
  std::vector<std::int64_t> sizes;
  bool trainable, decays;
  at::Tensor* place;
};

std::int64_t padded(std::vector<std::int64_t> const& sizes) {
  std::int64_t count = 1;
  for (std::int64_t const size : sizes) count *= size;
  return (count + alignment - 1) / alignment * alignment;
}

bool is_behavior(std::string const& name) { return name.starts_with("behavior."); }

std::string group_of(Parameter const& parameter) {
  return is_behavior(parameter.name) ? "behavior" : parameter.decays ? "weights" : "norms_and_biases";
}

}  // namespace

void Decoder::allocate(std::string const& freeze, at::Device device) {
  Shape const& s = shape_;
  auto const count = static_cast<std::int64_t>(behavior_ids_.size());
  std::int64_t const query = s.heads * s.head_width, key = s.kv_heads * s.head_width;
  bool const body = freeze != "all", table = freeze == "none";
  std::vector<Wanted> wanted;
  wanted.push_back({"model.embed_tokens.weight", {s.vocabulary, s.width}, table, true, &embedding_});
  layers_.resize(static_cast<std::size_t>(s.layers));
  for (std::int64_t l = 0; l < s.layers; ++l) {
    Layer& layer = layers_[static_cast<std::size_t>(l)];
    std::string const at = "model.layers." + std::to_string(l) + ".", attention = at + "self_attn.", feed = at + "mlp.";
    wanted.push_back({at + "input_layernorm.weight", {s.width}, body, false, &layer.attention_norm});
    wanted.push_back({attention + "q_proj.weight", {query, s.width}, body, true, &layer.query});
    wanted.push_back({attention + "k_proj.weight", {key, s.width}, body, true, &layer.key});
    wanted.push_back({attention + "v_proj.weight", {key, s.width}, body, true, &layer.value});
    if (s.attention_bias) {
      wanted.push_back({attention + "q_proj.bias", {query}, body, false, &layer.query_bias});
      wanted.push_back({attention + "k_proj.bias", {key}, body, false, &layer.key_bias});
      wanted.push_back({attention + "v_proj.bias", {key}, body, false, &layer.value_bias});
    }
    wanted.push_back({attention + "o_proj.weight", {s.width, query}, body, true, &layer.output});
    wanted.push_back({at + "post_attention_layernorm.weight", {s.width}, body, false, &layer.feed_norm});
    wanted.push_back({feed + "gate_proj.weight", {s.feed_forward, s.width}, body, true, &layer.gate});
    wanted.push_back({feed + "up_proj.weight", {s.feed_forward, s.width}, body, true, &layer.up});
    wanted.push_back({feed + "down_proj.weight", {s.width, s.feed_forward}, body, true, &layer.down});
  }
  wanted.push_back({"model.norm.weight", {s.width}, body, false, &final_norm_});
  if (!s.tied) wanted.push_back({"lm_head.weight", {s.vocabulary, s.width}, table, true, &head_});
  wanted.push_back({"behavior.rows", {count, s.width}, true, false, &rows_});
  if (!s.tied) wanted.push_back({"behavior.head_rows", {count, s.width}, true, false, &head_rows_});

  std::int64_t trainable = 0, frozen = 0;
  for (Wanted const& one : wanted) (one.trainable ? trainable : frozen) += padded(one.sizes);
  auto const options = at::TensorOptions(at::kFloat).device(device);
  flat_ = Pages(trainable, device);
  gradient_ = Pages(trainable, device);
  frozen_ = at::zeros({frozen}, options);
  trainable = frozen = 0;
  for (Wanted const& one : wanted) {
    std::int64_t& offset = one.trainable ? trainable : frozen;
    std::int64_t numbers = 1;
    for (std::int64_t const size : one.sizes) numbers *= size;
    at::Tensor value = (one.trainable ? flat_.tensor() : frozen_).narrow(0, offset, numbers).view(one.sizes).detach();
    if (one.trainable) {
      value.requires_grad_(true);
      value.mutable_grad() = gradient_.tensor().narrow(0, offset, numbers).view(one.sizes);
    }
    *one.place = value;
    parameters_.push_back({one.name, value, one.trainable, one.decays, one.trainable ? offset : -1});
    offset += padded(one.sizes);
  }
  find_units();
  if (s.tied) head_ = embedding_, head_rows_ = rows_;
}

void Decoder::find_units() {
  units_.resize(static_cast<std::size_t>(units()));
  auto const belongs = [&](std::string const& name, std::int64_t unit) {
    bool const table = name == "model.embed_tokens.weight" || name == "behavior.rows";
    if (unit == 0) return table;
    if (unit == units() - 1) return !name.starts_with("model.layers.") && (shape_.tied || !table);
    return name.starts_with("model.layers." + std::to_string(unit - 1) + ".");
  };
  for (std::int64_t unit = 0; unit < units(); ++unit) {
    std::vector<Stretch>& list = units_[static_cast<std::size_t>(unit)];
    for (Parameter const& p : parameters_) {
      if (!p.trainable || !belongs(p.name, unit)) continue;
      std::int64_t const end = p.offset + padded(p.value.sizes().vec());
      if (!list.empty() && list.back().end == p.offset)
        list.back().end = end;
      else
        list.push_back({p.offset, end});
    }
  }
}

std::int64_t Decoder::final_from(std::int64_t unit) const {
  if (unit + 1 < units() - 1) {
    auto const& next = stretches(unit + 1);
    return next.empty() ? behaviors_begin() : next.front().begin;
  }
  Parameter const& norm = parameter("model.norm.weight");
  return norm.trainable ? norm.offset : behaviors_begin();
}

Parameter const& Decoder::parameter(std::string const& name) const {
  auto const found =
      std::find_if(parameters_.begin(), parameters_.end(), [&](auto const& p) { return p.name == name; });
  if (found == parameters_.end()) throw Invalid(Exit::data, "no parameter " + name);
  return *found;
}

std::vector<ParameterRange> Decoder::ranges() const {
  std::vector<ParameterRange> ranges;
  for (Parameter const& parameter : parameters_) {
    if (!parameter.trainable) continue;
    std::string const group = group_of(parameter);
    if (!ranges.empty()) ranges.back().end = parameter.offset;
    if (ranges.empty() || ranges.back().group != group)
      ranges.push_back({group, parameter.decays, parameter.offset, parameter.offset});
  }
  if (!ranges.empty()) ranges.back().end = flat().numel();
  return ranges;
}

std::int64_t Decoder::behaviors_begin() const {
  for (ParameterRange const& range : ranges()) {
    if (range.group == "behavior") return range.begin;
  }
  return flat().numel();
}

std::int64_t Decoder::exported_vocabulary() const {
  std::int64_t rows = shape_.vocabulary;
  for (TokenId const id : behavior_ids_) rows = std::max<std::int64_t>(rows, id + std::int64_t{1});
  return rows;
}

std::string Decoder::base_digest() const {
  Digest digest;
  std::vector<TokenId> skipped = behavior_ids_;
  std::sort(skipped.begin(), skipped.end());
  skipped.push_back(static_cast<TokenId>(shape_.vocabulary));
  for (at::Tensor const& table : shape_.tied ? std::vector{embedding_} : std::vector{embedding_, head_}) {
    at::Tensor const here = table.detach().cpu();
    auto const* const bytes = static_cast<char const*>(here.const_data_ptr());
    std::size_t const row = static_cast<std::size_t>(shape_.width) * sizeof(float);
    std::size_t begin = 0;
    for (TokenId const id : skipped) {
      if (id > shape_.vocabulary) break;
      auto const end = static_cast<std::size_t>(id);
      digest.add({bytes + begin * row, (end - begin) * row});
      begin = std::min(end + 1, static_cast<std::size_t>(shape_.vocabulary));
    }
  }
  return digest.hex();
}

}  // namespace bsft
