#include "trainer/model/export.hpp"

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

// The behaviour rows that are written into this table, empty for what is none.
std::string rows_of(Parameter const& parameter) {
  if (parameter.name == "model.embed_tokens.weight") return "behavior.rows";
  return parameter.name == "lm_head.weight" ? "behavior.head_rows" : "";
}

void copy_table(Decoder const& decoder, Parameter const& base, at::Tensor const& table) {
  at::Tensor const rows = decoder.parameter(rows_of(base)).value.detach();
  table.narrow(0, 0, base.value.size(0)).copy_(base.value.detach());
  for (std::size_t k = 0; k < decoder.behavior_ids().size(); ++k)
    table[decoder.behavior_ids()[k]].copy_(rows[static_cast<std::int64_t>(k)]);
}

}  // namespace

TensorView ExportedTensor::view() const {
  return {name, "F32", value.sizes().vec(), {static_cast<char const*>(value.const_data_ptr()), value.nbytes()}};
}

std::vector<ExportedTensor> exported_tensors(Decoder const& decoder) {
  at::NoGradGuard const guard;
  std::vector<ExportedTensor> tensors;
  for (Parameter const& parameter : decoder.parameters()) {
    if (parameter.name.starts_with("behavior.")) continue;
    at::Tensor value = parameter.value.detach();
    if (std::string const rows = rows_of(parameter); !rows.empty()) {
      at::Tensor const table = at::zeros({decoder.exported_vocabulary(), value.size(1)}, at::kFloat);
      copy_table(decoder, parameter, table);
      value = table;
    }
    tensors.push_back({parameter.name, value.cpu().contiguous()});
  }
  return tensors;
}

void copy_exported(Decoder const& decoder, std::vector<ExportedTensor>& kept) {
  at::NoGradGuard const guard;
  bool const first = kept.empty();
  if (first) kept = exported_tensors(decoder);
  std::size_t at = 0;
  for (Parameter const& parameter : decoder.parameters()) {
    if (parameter.name.starts_with("behavior.")) continue;
    at::Tensor& value = kept[at++].value;
    if (!rows_of(parameter).empty()) {
      if (!first) copy_table(decoder, parameter, value);
    } else if (parameter.trainable) {
      if (first) value = at::empty_like(value);
      value.copy_(parameter.value.detach());
    }
  }
}

std::string exported_config(Decoder const& decoder, std::filesystem::path const& source) {
  std::filesystem::path const file = source / "config.json";
  OrderedJson config = parse_ordered_json(read_file(file), file.string());
  Shape const& shape = decoder.shape();
  config["vocab_size"] = decoder.exported_vocabulary();
  config["hidden_size"] = shape.width;
  config["intermediate_size"] = shape.feed_forward;
  config["num_hidden_layers"] = shape.layers;
  config["num_attention_heads"] = shape.heads;
  config["num_key_value_heads"] = shape.kv_heads;
  if (config.contains("head_dim") || shape.head_width * shape.heads != shape.width)
    config["head_dim"] = shape.head_width;
  config["tie_word_embeddings"] = shape.tied;
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = "float32";
  if (config.contains("dtype")) config.erase("torch_dtype");
  if (config.contains("layer_types"))
    config["layer_types"] = std::vector<std::string>(static_cast<std::size_t>(shape.layers), "full_attention");
  if (!config.contains("architectures") || config["architectures"].empty())
    config["architectures"] = {shape.family == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM"};
  return config.dump(2) + "\n";
}

ExportedFiles exported_files(Decoder const& decoder, BehaviorMap const& behaviors,
                             std::filesystem::path const& source) {
  ExportedFiles files = exported_tokenizer(behaviors, source);
  files["config.json"] = exported_config(decoder, source);
  return files;
}

}  // namespace bsft
