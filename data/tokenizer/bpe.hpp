// Merge the bytes of one pre-token by rank: O(n log n), with a small cache of words a thread.
//
// The lowest rank merges first, the leftmost of equals; a byte without an id is left out and its neighbours meet.
// Requires: merges name ids whose bytes are the two parts and the joined token.  Thread-safe.
// Source: `tokenizers` models/bpe; test: tests/tokenizer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/base/ids.hpp"

namespace bsft {

struct Merge {
  TokenId left = 0, right = 0, joined = 0;
};

class Bpe {
 public:
  // byte_ids[b]: the id of the single byte b, or -1.  whole_words: words that are one token whatever the merges say
  // (ignore_merges of Llama-3), else empty.
  Bpe(std::array<TokenId, 256> const& byte_ids, std::vector<Merge> const& merges,
      std::unordered_map<std::string, TokenId> whole_words);

  void encode(std::string_view word, std::vector<TokenId>& out) const;

 private:
  struct Slot {  // of an open-addressing table keyed by the pair
    std::uint64_t pair = ~std::uint64_t{0};
    std::int32_t rank = 0;
    TokenId joined = 0;
  };
  Slot const* find(TokenId left, TokenId right) const;
  void merge_short(std::vector<TokenId>& ids) const;
  void merge_long(std::vector<TokenId>& ids) const;

  std::array<TokenId, 256> byte_ids_;
  std::vector<Slot> slots_;
  int shift_ = 0;
  std::unordered_map<std::string, TokenId> whole_words_;
  std::uint64_t serial_;  // tells this object's words in a thread's cache
};

}  // namespace bsft
