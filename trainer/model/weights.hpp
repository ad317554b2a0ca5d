// Fill a decoder: from a Hugging Face folder, or from nothing.
//
// load_weights reads model.safetensors (or its shards), bf16, f16 or fp32 -> fp32.  Every tensor of the shape must be
// there with exactly its shape; the embedding table may have more rows than the shape's vocabulary (a checkpoint of
// ours that grew).  Behaviour rows take the table's rows at the behaviour ids where it has them, so a checkpoint of
// ours reloads to the same bits.  Rows that the table has not are left zero: call initialise_behavior_rows. Errors:
// Broken naming file and tensor for a missing, misshapen or non-finite one; Invalid(data) for a foreign dtype. Source
// of the names: transformers' modeling_llama.py and modeling_qwen2.py; tests/model/reload.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/tokenizer/behavior_map.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

// Called for a parameter that is filled, so that a rank that keeps a part can give back the rest before the next comes.
// Not for the tables: behaviour rows are made from them.
using Filled = std::function<void(Parameter const&)>;

struct LoadReport {
  std::vector<std::string> unexpected;    // tensors of the folder that the model has no place for
  std::vector<TokenId> behavior_missing;  // behaviour ids beyond the folder's table
};
LoadReport load_weights(Decoder& decoder, std::filesystem::path const& folder, Filled const& filled = {});

// Every parameter from a seed, the same bits for the same seed on any machine: normal with config.json's
// initializer_range r (0.02 where it has none), for o_proj and down_proj r / sqrt(2 L); norms 1, biases 0.
void initialise_random(Decoder& decoder, std::uint64_t seed, Filled const& filled = {});

// Behaviour rows of a model that has not learned them yet.  how, as behavior.init:
//   description  mean of the base rows of the behaviour's descriptions' tokens
//   mean         mean of the base table
//   random       normal, scaled to the median row norm
// descriptions [K] token ids, not empty for `description`: Invalid(config).
void initialise_behavior_rows(Decoder& decoder, std::string const& how,
                              std::vector<std::vector<TokenId>> const& descriptions, std::uint64_t seed);

// Whether a model folder has learned these behaviours already: its tokenizer knows every behaviour token by its
// content.
bool carries_behaviors(Tokenizer const& tokenizer, BehaviorMap const& behaviors);

}  // namespace bsft
