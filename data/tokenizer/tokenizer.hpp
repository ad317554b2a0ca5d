// Byte-level BPE from a Hugging Face tokenizer.json: the SmolLM2, GPT-2, Qwen2 and Llama-3 families.
//
// encode(text, Specials::parse) gives the ids of `tokenizers` with add_special_tokens=False, id for id
// (tests/tokenizer, goldens made by tests/tokenizer/make_golden.py).  Specials::as_text never yields a special id from
// user text: what a stranger writes cannot open a turn.  It equals `tokenizers` with encode_special_tokens=True.
// A byte that the vocabulary lacks (SmolLM2 lacks 21, e.g. 0x04) yields nothing, as in `tokenizers`.
// Errors: Broken naming file and field for a tokenizer outside these families or outside the limits
// (64 MiB, 2,000,000 entries, token 4 KiB); Invalid(data) for a text above 64 MiB or not UTF-8.
// Thread-safe after construction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/base/ids.hpp"

namespace bsft {

enum class Specials { parse, as_text };

class Tokenizer {
 public:
  // folder holds tokenizer.json (and tokenizer_config.json where present).
  explicit Tokenizer(std::filesystem::path const& folder);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  std::vector<TokenId> encode(std::string_view text, Specials specials) const;
  // Text of the ids, specials included; bytes that are not UTF-8 become U+FFFD as in `tokenizers`.
  std::string decode(std::span<TokenId const> ids) const;
  // The bytes of one token, for display and for checks; may be a part of a UTF-8 sequence.
  std::string bytes_of(TokenId id) const;
  // Vocabulary entry or added token, by its bytes: find(bytes_of(id)) is id.
  std::optional<TokenId> find(std::string_view token) const;
  TokenId size() const;  // largest id + 1
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  // What the post-processor sets before a plain text: the bos of Llama-3, empty in the other families.
  std::vector<TokenId> opening() const;
  // Whether encode(…, as_text) can never yield this id.
  bool is_special(TokenId id) const;
  // Ids whose content is a reserved placeholder of the family (<|reserved_special_token_7|> and the like), ascending.
  std::vector<TokenId> reserved() const;
  std::string digest() const;  // XXH3-128 of tokenizer.json's meaning: changes when any id can change
  // The same without the added tokens of these ids: equal before and after a checkpoint has learned them.
  std::string digest_without(std::span<TokenId const> ids) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace bsft
