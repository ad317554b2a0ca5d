// Show a line of predictions.jsonl with its words: what was asked, what is right and what was judged.
//
// Errors: Broken where the line has another shape.
#pragma once

#include <string>
#include <string_view>

#include "data/base/json.hpp"

namespace bsft::page {

// Why no records are shown.
inline constexpr std::string_view samples_left_out = "The records are left out of this page (--samples 0).";

std::string name_of(OrderedJson const& line);
bool is_wrong(OrderedJson const& line, std::string const& headline);
// `more` comes before the record's response.
std::string sample(OrderedJson const& line, std::string const& headline, std::string const& more = "");

}  // namespace bsft::page
