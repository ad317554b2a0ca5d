// Open a Hugging Face folder as a decoder with behaviour rows, ready to score or to generate.
//
// The behaviours' ids are the data file's; a folder whose tokenizer, template or ids differ from the file's is refused
// (Invalid(data), both digests named).  Where the folder has not learned the behaviours yet, their rows start as
// training starts them: the mean embedding of the description.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/store/reader.hpp"
#include "data/tokenizer/behavior_map.hpp"
#include "data/tokenizer/chat_template.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

class ModelFolder {
 public:
  ModelFolder(std::filesystem::path const& folder, StoreReader const& reader, std::string const& template_family,
              std::uint64_t seed);
  // Without a data file: these behaviours, at the ids that the folder has or would give them.
  ModelFolder(std::filesystem::path const& folder, std::vector<BehaviorSpec> const& behaviors,
              std::string const& template_family);

  Decoder const& decoder() const { return *decoder_; }
  Tokenizer const& tokenizer() const { return tokenizer_; }
  ChatTemplate const& chat_template() const { return template_; }
  BehaviorMap const& behaviors() const { return behaviors_; }
  std::vector<TokenId> answer_ends() const;  // tokens that end an answer: the template's and the tokenizer's
  bool learned() const { return learned_; }  // the folder carries its behaviour rows

 private:
  void load(std::filesystem::path const& folder, std::uint64_t seed);

  Tokenizer tokenizer_;
  ChatTemplate template_;
  BehaviorMap behaviors_;
  std::unique_ptr<Decoder> decoder_;
  bool learned_ = false;
};

}  // namespace bsft
