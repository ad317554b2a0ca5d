// Made-up records for tests: their columns, and the tokens that a data file would give.
#pragma once

#include <vector>

#include "data/base/digest.hpp"
#include "data/feed/loader.hpp"

namespace bsft::testing {

// `cases` cases; case c has 1 + c % 5 members whose prompts share their first half.
inline std::vector<RecordInfo> made_up_records(std::int64_t cases) {
  std::vector<RecordInfo> records;
  for (std::int64_t c = 0; c < cases; ++c) {
    for (std::int64_t m = 0; m < 1 + c % 5; ++m) {
      RecordInfo info;
      info.prompt_end = static_cast<std::int32_t>(8 + mix(7, static_cast<std::uint64_t>(c)) % 20);
      info.behavior_end = info.prompt_end + 1;
      info.response_end =
          info.behavior_end +
          static_cast<std::int32_t>(1 + mix(8, static_cast<std::uint64_t>(c), static_cast<std::uint64_t>(m)) % 4);
      info.length = info.response_end + 1;
      info.case_index = c;
      info.behavior = BehaviorId{static_cast<std::int32_t>(m % 2)};
      info.split = Split::train;
      records.push_back(info);
    }
  }
  return records;
}

// vocabulary: ids are below it; behaviour k is token k.
inline StoredTokens made_up_tokens(RecordInfo const& info, std::int64_t record, std::uint64_t vocabulary) {
  StoredTokens stored;
  for (std::int32_t t = 0; t < info.length; ++t) {
    bool const common = t < info.prompt_end / 2;
    auto const owner = static_cast<std::uint64_t>(common ? info.case_index : record + 1000);
    stored.tokens.push_back(static_cast<TokenId>(4 + mix(3, owner, static_cast<std::uint64_t>(t)) % (vocabulary - 4)));
    stored.weights.push_back(t >= info.prompt_end ? 1.0F : 0.0F);
  }
  stored.tokens[static_cast<std::size_t>(info.prompt_end)] = index(info.behavior);
  stored.tokens.back() = 3;
  return stored;
}

}  // namespace bsft::testing
