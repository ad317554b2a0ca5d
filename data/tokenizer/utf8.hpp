// UTF-8 as the tokenizers need it: strict check, lossy repair, and the byte-level alphabet of GPT-2.
//
// The alphabet writes each of the 256 bytes as one printable character (0x20 as U+0120), so that a vocabulary is text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bsft {

// Invalid(data) naming the first byte that is not strict UTF-8.
void expect_utf8(std::string_view text);
// Each maximal invalid part becomes U+FFFD (as Rust's from_utf8_lossy).
std::string repair_utf8(std::string bytes);
// The bytes that a vocabulary entry stands for; none where a character is outside the alphabet.
std::optional<std::string> from_byte_alphabet(std::string_view token);

}  // namespace bsft
