// The columns of a BehaviorBench file in memory, and their names: one list for writer, reader and digest.
//
// R records; rows as RecordInfo in reader.hpp says.  Source of names and types: format.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/base/digest.hpp"
#include "data/store/chunks.hpp"

namespace bsft {

struct Columns {
  std::vector<std::int64_t> token_offset, text_offset;  // [R + 1], from 0
  std::vector<std::int32_t> prompt_end, behavior_end, response_end, task, behavior;
  std::vector<std::int16_t> group, label;
  std::vector<std::int8_t> level;
  std::vector<std::uint8_t> action, split;
  std::vector<std::uint32_t> suites;
  std::vector<std::int64_t> case_index, twin_index;
  std::vector<std::uint64_t> token_digest, text_digest;  // of each record's tokens and weights, and of its text
};

// Calls visit(name, values) for each.
template <class C, class Visit>
void each_column(C& columns, Visit visit) {
  visit("records/token_offset", columns.token_offset);
  visit("records/text_offset", columns.text_offset);
  visit("records/prompt_end", columns.prompt_end);
  visit("records/behavior_end", columns.behavior_end);
  visit("records/response_end", columns.response_end);
  visit("records/task", columns.task);
  visit("records/behavior", columns.behavior);
  visit("records/group", columns.group);
  visit("records/label", columns.label);
  visit("records/level", columns.level);
  visit("records/action", columns.action);
  visit("records/split", columns.split);
  visit("records/suites", columns.suites);
  visit("records/case", columns.case_index);
  visit("records/twin", columns.twin_index);
  visit("records/token_digest", columns.token_digest);
  visit("records/text_digest", columns.text_digest);
}

// The bytes of every token that occurs, by ascending id.
struct TokenBytes {
  std::vector<std::int32_t> ids;      // [U]
  std::vector<std::int64_t> offsets;  // [U + 1], from 0
  std::vector<std::uint8_t> bytes;
};

inline std::uint64_t digest_of_row(std::vector<std::int32_t> const& tokens, std::vector<float> const& weights) {
  return mix(0, xxh64(bytes_of_values(tokens)), xxh64(bytes_of_values(weights)));
}

// The data digest: catalogue, columns (with every row's own digest) and vocabulary.
inline std::string digest_of_content(std::string_view catalog, Columns const& columns, TokenBytes const& token_bytes) {
  Digest digest;
  digest.add(catalog);
  each_column(columns, [&](char const* name, auto const& values) { digest.add(name).add(bytes_of_values(values)); });
  digest.add(bytes_of_values(token_bytes.ids)).add(bytes_of_values(token_bytes.offsets));
  return digest.add(bytes_of_values(token_bytes.bytes)).hex();
}

}  // namespace bsft
