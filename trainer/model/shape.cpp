#include "trainer/model/shape.hpp"

#include "data/base/error.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

// config.json with the file's name in every complaint.
class Fields {
 public:
  explicit Fields(std::filesystem::path const& file) : file_(file.string()), json_(read_json(file)) {
    if (!json_.is_object()) throw Broken(file_, "not a JSON object");
  }

  bool has(char const* key) const { return json_.contains(key) && !json_[key].is_null(); }
  Json const& at(char const* key) const { return json_[key]; }

  std::int64_t count(char const* key, std::int64_t most) const {
    if (!has(key)) throw Broken(file_ + ": " + key, "it is missing");
    return count(key, most, 0);
  }
  std::int64_t count(char const* key, std::int64_t most, std::int64_t otherwise) const {
    if (!has(key)) return otherwise;
    Json const& value = json_[key];
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > static_cast<double>(most))
      throw Broken(file_ + ": " + key, value.dump() + ", wanted a whole number from 1 to " + std::to_string(most));
    return value.get<std::int64_t>();
  }
  double positive(Json const& from, char const* key, double otherwise) const {
    if (!from.contains(key) || from[key].is_null()) return otherwise;
    if (!from[key].is_number() || !(from[key].get<double>() > 0) || from[key].get<double>() > 1e15)
      throw Broken(file_ + ": " + key, from[key].dump() + ", wanted a positive number");
    return from[key].get<double>();
  }
  double positive(char const* key, double otherwise) const { return positive(json_, key, otherwise); }
  bool flag(char const* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_[key].is_boolean()) throw Broken(file_ + ": " + key, json_[key].dump() + ", wanted true or false");
    return json_[key].get<bool>();
  }
  std::string word(Json const& from, char const* key) const {
    return from.contains(key) && from[key].is_string() ? from[key].get<std::string>() : "";
  }
  std::string word(char const* key) const { return word(json_, key); }

  [[noreturn]] void refuse(char const* key, std::string const& why) const {
    throw Invalid(Exit::data, file_ + ": " + key, why, "use a model of the Llama or Qwen2 family without it");
  }

 private:
  std::string file_;
  Json json_;
};

void read_rope(Fields const& fields, Shape& shape) {
  shape.rope_theta = fields.positive("rope_theta", 10000);
  for (char const* const key : {"rope_parameters", "rope_scaling"}) {
    if (!fields.has(key)) continue;
    Json const& rope = fields.at(key);
    if (!rope.is_object()) fields.refuse(key, "it is not an object");
    shape.rope_theta = fields.positive(rope, "rope_theta", shape.rope_theta);
    std::string const type = rope.contains("rope_type") ? fields.word(rope, "rope_type") : fields.word(rope, "type");
    if (type == "llama3") {
      shape.rope_factor = fields.positive(rope, "factor", 1);
      shape.rope_low = fields.positive(rope, "low_freq_factor", 1);
      shape.rope_high = fields.positive(rope, "high_freq_factor", 4);
      shape.rope_original = static_cast<std::int64_t>(fields.positive(rope, "original_max_position_embeddings", 8192));
      if (shape.rope_high <= shape.rope_low) fields.refuse(key, "high_freq_factor is not above low_freq_factor");
    } else if (type != "default" && !(type.empty() && rope.size() <= 1)) {
      fields.refuse(key, "rotary scaling \"" + type + "\" is not computed here (default and llama3 are)");
    }
    if (fields.positive(rope, "partial_rotary_factor", 1) != 1)
      fields.refuse(key, "partial rotary is not computed here");
    return;
  }
}

void refuse_what_is_not_computed(Fields const& fields, Shape const& shape) {
  std::string const activation = fields.word("hidden_act");
  if (!activation.empty() && activation != "silu")
    fields.refuse("hidden_act", "\"" + activation + "\", only silu is computed");
  if (shape.family == "llama" && fields.flag("attention_bias", false))
    fields.refuse("attention_bias", "true: biases of a Llama are not computed here");
  if (fields.flag("mlp_bias", false))
    fields.refuse("mlp_bias", "true: biases of the feed-forward are not computed here");
  if (fields.flag("use_sliding_window", false))
    fields.refuse("use_sliding_window", "true: windows are not computed here");
  if (fields.has("layer_types") && fields.at("layer_types").is_array())
    for (Json const& type : fields.at("layer_types"))
      if (type != "full_attention") fields.refuse("layer_types", type.dump() + ", only full_attention is computed");
  if (fields.has("quantization_config")) fields.refuse("quantization_config", "the weights are quantised");
  if (fields.positive("partial_rotary_factor", 1) != 1) fields.refuse("partial_rotary_factor", "not 1");
}

}  // namespace

Shape read_shape(std::filesystem::path const& folder) {
  Fields const fields(folder / "config.json");
  Shape shape;
  shape.family = fields.word("model_type");
  if (shape.family != "llama" && shape.family != "qwen2")
    fields.refuse("model_type", "\"" + shape.family + "\" is neither llama nor qwen2");
  shape.vocabulary = fields.count("vocab_size", 2'000'000);
  shape.width = fields.count("hidden_size", 65'536);
  shape.layers = fields.count("num_hidden_layers", 1024);
  shape.heads = fields.count("num_attention_heads", 1024);
  shape.kv_heads = fields.count("num_key_value_heads", 1024, shape.heads);
  if (!fields.has("head_dim") && shape.width % shape.heads != 0)
    fields.refuse("num_attention_heads", std::to_string(shape.heads) + " do not divide hidden_size");
  shape.head_width = fields.count("head_dim", 1024, shape.width / shape.heads);
  shape.feed_forward = fields.count("intermediate_size", 1'000'000);
  shape.max_positions = fields.count("max_position_embeddings", 100'000'000, 2048);
  if (shape.heads % shape.kv_heads != 0)
    fields.refuse("num_key_value_heads", std::to_string(shape.kv_heads) + " do not divide num_attention_heads");
  if (shape.head_width % 2 != 0) fields.refuse("head_dim", std::to_string(shape.head_width) + " is odd");
  shape.norm_epsilon = fields.positive("rms_norm_eps", 1e-6);
  shape.initializer_range = fields.positive("initializer_range", 0.02);
  shape.tied = fields.flag("tie_word_embeddings", false);
  shape.attention_bias = shape.family == "qwen2";
  read_rope(fields, shape);
  refuse_what_is_not_computed(fields, shape);
  return shape;
}

Shape resized(Shape shape, ShapeConfig const& sizes) {
  auto const take = [](std::int64_t& size, std::int64_t wanted) {
    if (wanted > 0) size = wanted;
  };
  bool const head_changes = sizes.hidden_size > 0 || sizes.num_attention_heads > 0;
  take(shape.width, sizes.hidden_size);
  take(shape.feed_forward, sizes.intermediate_size);
  take(shape.layers, sizes.num_hidden_layers);
  take(shape.heads, sizes.num_attention_heads);
  if (sizes.num_attention_heads > 0) shape.kv_heads = shape.heads;
  take(shape.kv_heads, sizes.num_key_value_heads);
  auto const refuse = [](std::string const& why) {
    throw Invalid(Exit::config, "model.shape", why, "choose sizes that divide");
  };
  if (head_changes) {
    if (shape.width % shape.heads != 0) refuse("num_attention_heads does not divide hidden_size");
    shape.head_width = shape.width / shape.heads;
  }
  if (shape.heads % shape.kv_heads != 0) refuse("num_key_value_heads does not divide num_attention_heads");
  if (shape.head_width % 2 != 0) refuse("hidden_size / num_attention_heads is odd");
  return shape;
}

}  // namespace bsft
