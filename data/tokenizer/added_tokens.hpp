// Find added tokens in a text: leftmost, longest, not overlapping, as `tokenizers` does.
//
// Under Specials::as_text a special token's text is passed over as text (its bytes are consumed).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizer/tokenizer.hpp"

namespace bsft {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;
  bool normalized = false;  // matched after normalisation, else before
};

class AddedTokens {
 public:
  AddedTokens();
  void add(AddedToken const& token);
  bool empty() const { return tokens_.empty(); }

  // text(piece) for each piece between tokens, token(id) for each token, left to right.
  template <class Text, class Token>
  void split(std::string_view text, Specials specials, Text&& piece, Token&& token) const {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < text.size();) {
      AddedToken const* const found = longest_at(text, at);
      if (!found) {
        ++at;
        continue;
      }
      std::size_t const end = at + found->content.size();
      if (!(found->special && specials == Specials::as_text)) {
        if (kept < at) piece(text.substr(kept, at - kept));
        token(found->id);
        kept = end;
      }
      at = end;
    }
    if (kept < text.size()) piece(text.substr(kept));
  }

 private:
  AddedToken const* longest_at(std::string_view text, std::size_t at) const;

  // A trie: first_ takes the first byte, edges_ (node, byte) the others.
  std::array<std::int32_t, 256> first_;
  std::unordered_map<std::uint64_t, std::int32_t> edges_;
  std::vector<std::int32_t> token_at_;  // node → index in tokens_, or -1
  std::vector<AddedToken> tokens_;
};

}  // namespace bsft
