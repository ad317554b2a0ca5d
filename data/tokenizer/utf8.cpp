#include "data/tokenizer/utf8.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>

#include "data/base/error.hpp"

namespace bsft {
namespace {

using Byte = unsigned char;

// Length of the valid sequence at `at`, or minus the length of the maximal invalid part.
int sequence_at(std::string_view s, std::size_t at) {
  auto const lead = static_cast<Byte>(s[at]);
  if (lead < 0x80) return 1;
  int const length = lead >= 0xC2 && lead < 0xE0   ? 2
                     : lead >= 0xE0 && lead < 0xF0 ? 3
                     : lead >= 0xF0 && lead < 0xF5 ? 4
                                                   : 0;
  if (length == 0) return -1;
  Byte low = 0x80, high = 0xBF;  // of the second byte: no overlong form, no surrogate, at most U+10FFFF
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (int i = 1; i < length; ++i) {
    if (at + static_cast<std::size_t>(i) >= s.size()) return -i;
    auto const next = static_cast<Byte>(s[at + static_cast<std::size_t>(i)]);
    if (next < low || next > high) return -i;
    low = 0x80, high = 0xBF;
  }
  return length;
}

}  // namespace

void expect_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    int const length = sequence_at(text, at);
    if (length < 0) throw Invalid(Exit::data, "text is not UTF-8", "byte " + std::to_string(at), "convert it to UTF-8");
    at += static_cast<std::size_t>(length);
  }
}

std::string repair_utf8(std::string bytes) {
  std::string repaired;
  bool broken = false;
  std::size_t kept = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    int const length = sequence_at(bytes, at);
    if (length < 0) {
      broken = true;
      repaired.append(bytes, kept, at - kept).append("\xEF\xBF\xBD");
      kept = at + static_cast<std::size_t>(-length);
    }
    at += static_cast<std::size_t>(std::abs(length));
  }
  if (!broken) return bytes;
  return repaired.append(bytes, kept);
}

std::optional<std::string> from_byte_alphabet(std::string_view token) {
  // Printable Latin-1 stands for itself; the other 68 bytes, in their order, for U+0100 and on.
  static auto const bytes = [] {
    std::array<int, 0x144> table;
    table.fill(-1);
    int next = 0x100;
    for (int b = 0; b < 256; ++b) {
      bool const printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      table[static_cast<std::size_t>(printable ? b : next++)] = b;
    }
    return table;
  }();
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    int const length = sequence_at(token, at);
    if (length != 1 && length != 2) return std::nullopt;
    auto const lead = static_cast<Byte>(token[at]);
    std::size_t const point =
        length == 1 ? lead : std::size_t{lead & 0x1FU} << 6 | (static_cast<Byte>(token[at + 1]) & 0x3FU);
    if (point >= bytes.size() || bytes[point] < 0) return std::nullopt;
    out.push_back(static_cast<char>(bytes[point]));
    at += static_cast<std::size_t>(length);
  }
  return out;
}

}  // namespace bsft
