// Text for a terminal: safe to print, and coloured only where somebody looks.
//
// printable() keeps valid UTF-8, newlines and tabs, and spells out everything else as \xNN: control characters (an
// escape sequence in a stranger's record must not act) and parts of a UTF-8 sequence.
#pragma once

#include <string>
#include <string_view>

namespace bsft {

enum class Newlines { keep, escape };

std::string printable(std::string_view bytes, Newlines newlines);

// when: auto (the descriptor is a terminal and NO_COLOR is not set), always or never; Invalid(usage) otherwise.
bool wants_color(std::string const& when, int descriptor);

}  // namespace bsft
