// A decoder of the Llama and Qwen2 families over a forest, with K behaviour rows of their own.
//
//   h = embed(tokens);  per layer: h += attend(rms_norm(h)); h += down(silu(gate(n)) * up(n)), n = rms_norm(h)
//   loss rows: logits = rms_norm(h)[rows] · headᵀ, columns of the behaviour ids from the behaviour rows
// Parameters lie in one flat fp32 buffer (the trainable ones) so that reduction, norm, clip and AdamW are one pass;
// frozen ones lie beside it.  Names are Hugging Face's; the behaviour rows are "behavior.rows" and, where the model
// does not tie, "behavior.head_rows".  Rows of the base tables at behaviour ids are never used and hold zeros.
// backward() of a loss adds into flat_gradient(): nothing is allocated for a weight's gradient.
// A parameter begins at a multiple of 16 floats; what lies between two is zero and stays zero.
// A pass goes through units: 0 the embedding, 1 to L the layers, L + 1 the final norm and the head.
// Errors: Invalid(data) for a token or behaviour id out of range.  One thread at a time.
// Source: transformers' LlamaForCausalLM and Qwen2ForCausalLM; tests/model compares logits (<= 1e-4) and gradients.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/base/ids.hpp"
#include "data/feed/forest.hpp"
#include "kernels/op/op.hpp"
#include "trainer/model/pages.hpp"
#include "trainer/model/shape.hpp"

namespace bsft {

struct Parameter {
  std::string name;
  at::Tensor value;  // a view into the flat buffer, or a frozen tensor
  bool trainable = true;
  bool decays = true;        // false for norms, biases and behaviour rows
  std::int64_t offset = -1;  // into the flat buffer, -1: frozen
};

enum class Direction { forward, backward };

struct Stretch {
  std::int64_t begin, end;
};

// A stretch of the flat buffer whose parameters are treated alike.
struct ParameterRange {
  std::string group;  // "weights", "norms_and_biases" or "behavior"
  bool decays = true;
  std::int64_t begin = 0, end = 0;
};

class Decoder {
 public:
  // behavior_ids [K], distinct; freeze: none | embeddings | all.  All parameters are zero until loaded or initialised.
  Decoder(Shape shape, std::vector<TokenId> behavior_ids, std::string const& freeze, at::Device device = at::kCPU);

  Shape const& shape() const { return shape_; }
  std::vector<TokenId> const& behavior_ids() const { return behavior_ids_; }
  // In the model's order, behaviour rows last.
  std::vector<Parameter> const& parameters() const { return parameters_; }
  Parameter const& parameter(std::string const& name) const;  // Invalid(data) where there is none
  // Covers the flat buffer from 0 to P without a gap.
  std::vector<ParameterRange> ranges() const;
  // Where the behaviour rows begin in the flat buffer: their gradients are the last to be final.
  std::int64_t behaviors_begin() const;
  at::Tensor const& flat() const { return flat_.tensor(); }  // [P] fp32, trainable
  at::Tensor const& flat_gradient() const {
    return gradient_.tensor();
  }  // [P] fp32, filled by backward; zero it a lane
  Pages const& weight_pages() const { return flat_; }
  Pages const& gradient_pages() const { return gradient_; }

  std::int64_t units() const { return shape_.layers + 2; }
  // Where a unit's trainable weights lie in the flat buffer.
  std::vector<Stretch> const& stretches(std::int64_t unit) const { return units_[static_cast<std::size_t>(unit)]; }

  // Rows of the logits: max(V, largest behaviour id + 1), the vocab_size of an exported folder.
  std::int64_t exported_vocabulary() const;
  // XXH3-128 over the base table and an untied head, without the rows at behaviour ids.
  std::string base_digest() const;

  // Hidden states after the final norm, [T,D].
  at::Tensor forward(Forest const& forest) const;
  // The same for rows whose attention is the caller's: attend(layer, q [queries,H,E], k, v [T,G,E]) -> [queries, H·E].
  struct Rows {
    std::span<TokenId const> tokens;     // [T]
    std::vector<float> positions;        // [T]
    std::span<std::int32_t const> kept;  // ascending: the last layer computes only these; empty: all
    op::Dials dials = {};                // of the behaviour tokens, [T]
  };
  using Attend =
      std::function<at::Tensor(std::int64_t layer, at::Tensor const& q, at::Tensor const& k, at::Tensor const& v)>;
  at::Tensor forward(Rows const& rows, Attend const& attend) const { return hidden(rows, attend, {}); }
  // Loss of the supervised rows; weights are multiplied by `scale` (1 / Σw of the global batch).
  op::RowLoss loss(at::Tensor const& hidden, std::vector<SupervisedRow> const& rows, double scale) const;
  // The same for a forest's own supervised rows, in their order, and cheaper: the last layer computes only these rows.
  // visit(forward, unit) is called before a unit's weights are used, from the first to the last; visit(backward, unit)
  // before its backward, from L down to 0 (unless nothing below is trained): then flat_gradient() is final from
  // final_from(unit) up to the behaviour rows.
  using Visit = std::function<void(Direction, std::int64_t unit)>;
  op::RowLoss loss(Forest const& forest, double scale, Visit const& visit = {}) const;
  std::int64_t final_from(std::int64_t unit) const;
  // fp32 logits [rows, exported_vocabulary()]; a column that is no token of the model is -inf.
  at::Tensor logits(at::Tensor const& hidden, std::vector<std::int32_t> const& rows) const;

 private:
  struct Layer {
    at::Tensor attention_norm, query, key, value, query_bias, key_bias, value_bias, output, feed_norm, gate, up, down;
  };
  void allocate(std::string const& freeze, at::Device device);
  void find_units();
  // Final hidden states of `rows` (ascending; empty: all).
  at::Tensor hidden(Forest const& forest, std::span<std::int32_t const> rows, Visit const& visit = {}) const;
  at::Tensor hidden(Rows const& rows, Attend const& attend, Visit const& visit) const;
  op::RowLoss row_loss(at::Tensor const& hidden, std::vector<std::int64_t> const& index,
                       std::vector<SupervisedRow> const& rows, double scale) const;

  Shape shape_;
  std::vector<TokenId> behavior_ids_;
  at::Tensor behavior_index_;  // [K] int64 on the CPU
  std::vector<Parameter> parameters_;
  Pages flat_, gradient_;
  at::Tensor frozen_;
  at::Tensor embedding_, final_norm_, head_, rows_, head_rows_;
  at::Tensor inverse_frequency_;  // [E/2] fp32
  std::vector<Layer> layers_;
  std::vector<std::vector<Stretch>> units_;
};

}  // namespace bsft
