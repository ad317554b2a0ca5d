// Unicode normalisation form C, as the normalizer of `tokenizers` writes it.
//
// Its tables are those of Unicode 9: marks and composites that came later stay where they are.
// O(n log n), also for long runs of combining marks.
#pragma once

#include <string>
#include <string_view>

namespace bsft {

// utf8: checked UTF-8.
std::string nfc(std::string_view utf8);

}  // namespace bsft
