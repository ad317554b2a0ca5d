// A decoder of the Llama and Qwen2 families over a forest, with K behaviour rows of their own.
//
//   h = embed(tokens);  per layer: h += attend(rms_norm(h)); h += down(silu(gate(n)) * up(n)), n = rms_norm(h)
//   loss rows: logits = rms_norm(h)[rows] · headᵀ, columns of the behaviour ids from the behaviour rows
// Parameters lie in one flat fp32 buffer (the trainable ones) so that reduction, norm, clip and AdamW are one pass;
// frozen ones lie beside it.  Names are Hugging Face's; the behaviour rows are "behavior.rows" and, where the model does
// not tie, "behavior.head_rows".
// Errors: Invalid(data) for a folder outside these families, Broken for missing or misshapen tensors.
// Source: transformers' LlamaForCausalLM and Qwen2ForCausalLM; tests/model compares logits (<= 1e-4) and gradients.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/base/ids.hpp"
#include "data/feed/forest.hpp"
#include "kernels/op/op.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

// config.json of the families, as far as the arithmetic needs it.
struct Shape {
  std::string family;  // "llama" or "qwen2"
  std::int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_width = 0, feed_forward = 0;
  std::int64_t max_positions = 0;
  double norm_epsilon = 1e-5, rope_theta = 10000;
  bool tied = true, attention_bias = false;
  // Llama-3.1 rope scaling; factor 1: none.
  double rope_factor = 1, rope_low = 1, rope_high = 4;
  std::int64_t rope_original = 8192;
};

Shape read_shape(std::filesystem::path const& folder);

struct Parameter {
  std::string name;
  at::Tensor value;         // a view into the flat buffer, or a frozen tensor
  bool trainable = true;
  bool decays = true;       // false for norms, biases and behaviour rows
  std::int64_t offset = -1; // into the flat buffer, -1: frozen
};

class Decoder {
 public:
  // behavior_ids [K]; freeze as in ModelSection::freeze.  All parameters are zero until loaded or initialised.
  Decoder(Shape shape, std::vector<TokenId> behavior_ids, std::string const& freeze, at::Device device = at::kCPU);

  Shape const& shape() const { return shape_; }
  std::vector<TokenId> const& behavior_ids() const { return behavior_ids_; }
  std::vector<Parameter> const& parameters() const { return parameters_; }
  at::Tensor const& flat() const { return flat_; }           // [P] fp32, trainable
  at::Tensor const& flat_gradient() const { return gradient_; } // [P] fp32, filled by backward; zero it per lane

  // Hidden states after the final norm, [T,D].
  at::Tensor forward(Forest const& forest) const;
  // Loss of the supervised rows; weights are multiplied by `scale` (1 / Σw of the global batch).
  op::RowLoss loss(at::Tensor const& hidden, std::vector<SupervisedRow> const& rows, double scale) const;
  // fp32 logits [rows, max(V, largest behaviour id + 1)] for tests and for generation.
  at::Tensor logits(at::Tensor const& hidden, std::vector<std::int32_t> const& rows) const;

 private:
  Shape shape_;
  std::vector<TokenId> behavior_ids_;
  std::vector<Parameter> parameters_;
  at::Tensor flat_, gradient_;
};

}  // namespace bsft
