// Read the label that an answer gives, strictly.
//
// An answer gives a label where it begins with it, byte for byte, and the label ends there:
//   "STOP" end · "STOP: …" "STOP. …" and so with . , : ; ! ? ) · "STOP (…" · "STOP\n…"
// The longest such label counts ("no change" before "no").  Anything else is no label: another case, a space before it,
// a plain word after it ("A patient" is not option A), punctuation that goes on ("10.5" is not 10), the label alone
// without the end token (it may go on).  A byte above 0x7F counts as a letter.
// Source: the wordings of configs/behaviorbench.yaml; tests/evaluate/answer_parser_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bsft {

struct Reading {
  std::int32_t label = -1;  // index, -1: none so far
  bool decided = false;     // nothing that may follow changes it
};

// ended: the model ended its answer here; otherwise it may go on, or was cut off.
Reading read_label(std::span<std::string const> labels, std::string_view answer, bool ended);

// An answer of so many bytes is decided.
std::size_t deciding_length(std::span<std::string const> labels);

}  // namespace bsft
