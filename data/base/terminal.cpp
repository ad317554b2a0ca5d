#include "data/base/terminal.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "data/base/error.hpp"

namespace bsft {
namespace {

// Bytes of the valid UTF-8 sequence at the start of `text`, 0 where there is none.
std::size_t sequence_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned const first = byte(0);
  std::size_t const length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (length > 2) {  // overlong forms, surrogates, beyond U+10FFFF
    unsigned const second = byte(1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
        (first == 0xF4 && second > 0x8F))
      return 0;
  }
  return length;
}

bool is_control(std::string_view sequence) {
  auto const first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

}  // namespace

std::string printable(std::string_view bytes, Newlines newlines) {
  std::string out;
  while (!bytes.empty()) {
    auto const length = sequence_length(bytes);
    auto const sequence = bytes.substr(0, length == 0 ? 1 : length);
    bool const layout = sequence == "\n" || sequence == "\t";
    if (layout && newlines == Newlines::escape)
      out += sequence == "\n" ? "\\n" : "\\t";
    else if (length != 0 && (layout || !is_control(sequence)))
      out += sequence;
    else
      for (unsigned char const c : sequence) {
        char text[5];
        std::snprintf(text, sizeof text, "\\x%02x", c);
        out += text;
      }
    bytes.remove_prefix(sequence.size());
  }
  return out;
}

bool wants_color(std::string const& when, int descriptor) {
  if (when == "always") return true;
  if (when == "never") return false;
  if (when != "auto") throw Invalid(Exit::usage, "--color " + when, "not a choice", "use auto, always or never");
  char const* const off = std::getenv("NO_COLOR");
  return (off == nullptr || *off == '\0') && ::isatty(descriptor) == 1;
}

}  // namespace bsft
