// Read tokenizer.json (and tokenizer_config.json) into plain data, refusing what the families do not use.
//
// Everything that could change an id is either understood or refused with its field: a component, split pattern or flag
// that is not known is Broken, never ignored.  truncation and padding are ignored, as transformers resets them.
// Ids: `tokenizers` numbers added tokens in file order whatever the file says, so a file that says otherwise is Broken.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/tokenizer/added_tokens.hpp"
#include "data/tokenizer/bpe.hpp"
#include "data/tokenizer/pre_tokenizer.hpp"

namespace bsft {

struct TokenizerJson {
  bool nfc = false;
  Cut cut = Cut::gpt2;
  bool ignore_merges = false;
  std::unordered_map<std::string, TokenId> vocabulary;  // in the byte-level alphabet
  std::vector<Merge> merges;                            // index = rank
  std::vector<AddedToken> added;
  std::vector<TokenId> opening;  // of the post-processor
  std::optional<TokenId> bos, eos;
};

TokenizerJson read_tokenizer_json(std::filesystem::path const& folder);

}  // namespace bsft
