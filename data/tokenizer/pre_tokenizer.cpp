#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/tokenizer/pre_tokenizer.hpp"

#include <pcre2.h>

#include <array>
#include <string>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// Unicode White_Space, inside a class.
constexpr auto space =
    "\\x09-\\x0D\\x20\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";

// s stands for the class of whitespace, S for its complement.
std::string pattern_text(Cut cut) {
  std::string const s = "[" + std::string(space) + "]", S = "[^" + std::string(space) + "]";
  std::string const other = "[^" + std::string(space) + "\\p{L}\\p{N}]+";
  std::string const tail = "|" + s + "+(?!" + S + ")|" + s + "+";
  std::string const gpt2 = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?" + other;
  if (cut == Cut::gpt2) return gpt2 + tail;
  // Digits are cut out first, so a run of spaces before one ends its piece: the look-ahead stops at a digit too.
  if (cut == Cut::digits_gpt2)
    return "\\p{N}|'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?" + other + "|" + s + "+(?![^" + space + "\\p{N}])|" + s + "+";
  std::string const digits = cut == Cut::qwen2 ? "\\p{N}" : "\\p{N}{1,3}";
  return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + digits + "| ?" + other + "[\\r\\n]*|" + s +
         "*[\\r\\n]+" + tail;
}

std::string words_of(int code) {
  std::array<PCRE2_UCHAR, 128> words{};
  pcre2_get_error_message(code, words.data(), words.size());
  return reinterpret_cast<char const*>(words.data());
}

}  // namespace

struct PreTokenizer::Pattern {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;
  ~Pattern() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

PreTokenizer::Scratch::Scratch(PreTokenizer const& owner)
    : match(pcre2_match_data_create_from_pattern(owner.pattern_->code, nullptr)) {
  if (!match) throw Failed(Exit::unavailable, "PCRE2 match data", "out of memory");
}

PreTokenizer::Scratch::~Scratch() { pcre2_match_data_free(static_cast<pcre2_match_data*>(match)); }

PreTokenizer::PreTokenizer(Cut cut) : pattern_(std::make_unique<Pattern>()) {
  std::string const text = pattern_text(cut);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pattern_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr);
  if (!pattern_->code)
    throw Failed(Exit::unavailable, "split pattern does not compile", words_of(error), "PCRE2 with Unicode is needed");
  pcre2_jit_compile(pattern_->code, PCRE2_JIT_COMPLETE);  // without a JIT the interpreter runs
  pattern_->context = pcre2_match_context_create(nullptr);
  if (!pattern_->context) throw Failed(Exit::unavailable, "PCRE2 match context", "out of memory");
  pcre2_set_match_limit(pattern_->context, 0xFFFFFFFFU);  // the patterns are linear; texts are limited by the caller
}

PreTokenizer::~PreTokenizer() = default;

std::size_t PreTokenizer::piece_end(std::string_view text, std::size_t at, Scratch const& scratch) const {
  auto* const match = static_cast<pcre2_match_data*>(scratch.match);
  auto const subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int found = pcre2_match(pattern_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, match, pattern_->context);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(pattern_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match,
                        pattern_->context);
  if (found <= 0) throw Failed(Exit::internal, "split pattern at byte " + std::to_string(at), words_of(found));
  return pcre2_get_ovector_pointer(match)[1];
}

}  // namespace bsft
