// The page's style sheet: light and dark by the reader's preference, columns that fold at narrow widths, print.
#pragma once

#include <string_view>

namespace bsft::page {

extern std::string_view const page_style;

}  // namespace bsft::page
