// Read a log of a JSON object a line, one after another, so that no log must fit into memory.
//
// A torn line is passed over, as are one that is no object and one of more than 1 MiB.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "data/base/json.hpp"

namespace bsft::page {

// Until `take` says false.
void each_line(std::filesystem::path const& file, std::function<bool(OrderedJson&&)> const& take);
// A member as a word, whatever its type; empty where it is absent or null.
std::string word_at(OrderedJson const& line, char const* key);

}  // namespace bsft::page
