// Cut a text into the pieces that BPE never joins: the known split patterns, on PCRE2 with its JIT.
//
//   gpt2         ByteLevel with use_regex
//   digits_gpt2  Digits(individual) then ByteLevel with use_regex: SmolLM2
//   qwen2        Split on the pattern of Qwen2 and Qwen2.5 (single digits)
//   llama3       Split on the pattern of Llama-3 (one to three digits)
// Only these patterns run, never one from a file.  Each matches at every place of every text, so pieces tile the text.
// Whitespace and case are those of the reference's regex engine, written out: PCRE2's \s also holds U+180E.
// Source: `tokenizers`; test: tests/tokenizer (goldens, and a sweep over all code points).  Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace bsft {

enum class Cut { gpt2, digits_gpt2, qwen2, llama3 };

class PreTokenizer {
 public:
  explicit PreTokenizer(Cut cut);
  ~PreTokenizer();

  // each(piece) for the pieces of `text` (checked UTF-8), left to right.
  template <class Each>
  void cut(std::string_view text, Each&& each) const {
    Scratch const scratch(*this);
    for (std::size_t at = 0; at < text.size();) {
      std::size_t const end = piece_end(text, at, scratch);
      each(text.substr(at, end - at));
      at = end;
    }
  }

 private:
  struct Scratch {  // PCRE2's match data: one a running cut
    explicit Scratch(PreTokenizer const& owner);
    ~Scratch();
    Scratch(Scratch const&) = delete;
    Scratch& operator=(Scratch const&) = delete;
    void* match;
  };
  std::size_t piece_end(std::string_view text, std::size_t at, Scratch const& scratch) const;

  struct Pattern;
  std::unique_ptr<Pattern> pattern_;
};

}  // namespace bsft
