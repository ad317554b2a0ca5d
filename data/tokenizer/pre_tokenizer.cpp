#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/tokenizer/pre_tokenizer.hpp"

#include <pcre2.h>

#include <array>
#include <string>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// Inside a class: Unicode White_Space, and the letters and numbers of Unicode 15 and 16, which a PCRE2 with older
// tables does not know and the reference does (its digit splitter knows those of 17 as well).
constexpr auto white_space =
    "\\x09-\\x0D\\x20\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";
constexpr auto letters =
    "\\p{L}"
    "\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}\\x{10D4A}-\\x{10D65}"
    "\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{1123F}-\\x{11240}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}"
    "\\x{11390}-\\x{113B5}\\x{113B7}\\x{113D1}\\x{113D3}\\x{11BC0}-\\x{11BE0}\\x{11F02}\\x{11F04}-\\x{11F10}"
    "\\x{11F12}-\\x{11F33}\\x{1342F}\\x{13441}-\\x{13446}\\x{13460}-\\x{143FA}\\x{16100}-\\x{1611D}"
    "\\x{16D40}-\\x{16D6C}\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}"
    "\\x{1E4D0}-\\x{1E4EB}\\x{1E5D0}-\\x{1E5ED}\\x{1E5F0}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";
constexpr auto numbers =
    "\\p{N}"
    "\\x{10D40}-\\x{10D49}\\x{116D0}-\\x{116E3}\\x{11BF0}-\\x{11BF9}\\x{11F50}-\\x{11F59}"
    "\\x{16130}-\\x{16139}\\x{16D70}-\\x{16D79}\\x{1CCF0}-\\x{1CCF9}\\x{1D2C0}-\\x{1D2D3}"
    "\\x{1E4F0}-\\x{1E4F9}\\x{1E5F1}-\\x{1E5FA}";
constexpr auto late_digits = "\\x{11DE0}-\\x{11DE9}\\x{16FF4}-\\x{16FF6}";

std::string in(std::string const& content) { return "[" + content + "]"; }
std::string not_in(std::string const& content) { return "[^" + content + "]"; }

std::string pattern_text(Cut cut) {
  bool const split_digits = cut == Cut::digits_gpt2;
  std::string const s = white_space, l = letters, n = std::string(numbers) + (split_digits ? late_digits : "");
  std::string const other = not_in(s + l + n) + "+", spaces = in(s) + "+";
  std::string const contraction = "'(?:[sdmt]|ll|ve|re)";
  // Digits are cut out first, so a run of spaces before one ends its piece: the look-ahead stops at a digit too.
  if (split_digits)
    return in(n) + "|" + contraction + "| ?" + in(l) + "+| ?" + other + "|" + spaces + "(?!" + not_in(s + n) + ")|" +
           spaces;
  std::string const tail = spaces + "(?!" + not_in(s) + ")|" + spaces;
  if (cut == Cut::gpt2) return contraction + "| ?" + in(l) + "+| ?" + in(n) + "+| ?" + other + "|" + tail;
  std::string const digits = in(n) + (cut == Cut::qwen2 ? "" : "{1,3}");
  return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" + not_in("\\r\\n" + l + n) + "?" + in(l) + "+|" + digits + "| ?" + other +
         "[\\r\\n]*|" + in(s) + "*[\\r\\n]+|" + tail;
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
