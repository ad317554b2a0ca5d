// The pieces of a Hugging Face folder that transformers opens as it is, for whoever writes checkpoints.
//
// Behaviour rows are written into (a copy of) the embedding table, and of the head where the model does not tie; the
// table grows where their ids lie beyond it.  Nothing else of the base changes.
// Errors: Broken for a source folder whose files cannot be read; Invalid(data) where an id cannot be placed.
// tests/model/export opens the result with transformers and compares logits and ids.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/base/safetensors.hpp"
#include "data/tokenizer/behavior_map.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

struct ExportedTensor {
  std::string name;  // Hugging Face's
  at::Tensor value;  // fp32, contiguous, on the CPU; shares memory with the decoder except for the tables

  TensorView view() const;  // valid while this lives
};
// In the model's order, without behavior.*: as model.safetensors has them.
std::vector<ExportedTensor> exported_tensors(Decoder const& decoder);

// config.json of `source` with the decoder's sizes, its vocabulary with the behaviour rows, and float32; the rest
// stays.
std::string exported_config(Decoder const& decoder, std::filesystem::path const& source);

// Copies into tensors of `kept`, which an earlier call made with this decoder (empty: makes them), what may change:
// afterwards `kept` is as exported_tensors() was, whatever becomes of the decoder.
void copy_exported(Decoder const& decoder, std::vector<ExportedTensor>& kept);

// The other files of the folder, which stay the same while it trains: config.json, tokenizer.json,
// tokenizer_config.json and special_tokens_map.json with the behaviour tokens as special tokens at their ids (a
// reserved token that gave its id is renamed), chat_template.jinja and generation_config.json as they are, those that
// `source` has.
using ExportedFiles = std::map<std::string, std::string>;  // content by name
ExportedFiles exported_files(Decoder const& decoder, BehaviorMap const& behaviors, std::filesystem::path const& source);
// The tokenizer files alone.
ExportedFiles exported_tokenizer(BehaviorMap const& behaviors, std::filesystem::path const& source);

}  // namespace bsft
