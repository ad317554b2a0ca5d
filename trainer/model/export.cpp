#include "trainer/model/export.hpp"

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "kernels/op/torch.hpp"

namespace bsft {
namespace {

at::Tensor with_behavior_rows(Decoder const& decoder, at::Tensor const& base, at::Tensor const& rows) {
  at::Tensor const table = at::zeros({decoder.exported_vocabulary(), base.size(1)}, at::kFloat);
  table.narrow(0, 0, base.size(0)).copy_(base);
  for (std::size_t k = 0; k < decoder.behavior_ids().size(); ++k)
    table[decoder.behavior_ids()[k]].copy_(rows[static_cast<std::int64_t>(k)]);
  return table;
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
    if (parameter.name == "model.embed_tokens.weight")
      value = with_behavior_rows(decoder, value, decoder.parameter("behavior.rows").value.detach());
    else if (parameter.name == "lm_head.weight")
      value = with_behavior_rows(decoder, value, decoder.parameter("behavior.head_rows").value.detach());
    tensors.push_back({parameter.name, value.cpu().contiguous()});
  }
  return tensors;
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

void export_folder(Decoder const& decoder, BehaviorMap const& behaviors, std::filesystem::path const& source,
                   std::filesystem::path const& target) {
  write_atomically(target / "config.json", exported_config(decoder, source));
  export_tokenizer(behaviors, source, target);
}

}  // namespace bsft
