// Read JSON that may come from strangers (nlohmann::json underneath).
//
// Limits: bytes, depth 64, no duplicate keys, strict UTF-8.  A breach throws Broken naming the file and the byte.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace bsft {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

struct JsonLimits {
  std::size_t bytes = std::size_t{64} << 20;
  int depth = 64;
};

// `where` names the source in errors, e.g. "records.jsonl:17".
Json parse_json(std::string_view text, std::string_view where, JsonLimits limits = {});
// The same, keeping the order of keys.
OrderedJson parse_ordered_json(std::string_view text, std::string_view where, JsonLimits limits = {});
Json read_json(std::filesystem::path const& file, JsonLimits limits = {});
// The objects of a log that is a JSON line each; none where there is no such file.  What is no object, as a last line
// that is torn, is passed over.
std::vector<Json> read_json_lines(std::filesystem::path const& file);

}  // namespace bsft
