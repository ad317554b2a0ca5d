// What a record got under each condition: its labels' log-likelihoods, or the answer that was generated.
//
// One mode of scoring fills one of the two; numbers of different modes are not compared.
// A file holds records, bit for bit, between who scores a part and who puts the parts together: a JSON line each,
//   {"record", "behavior": [K], "plain": OUTCOME, "forced": [OUTCOME…]}
//   OUTCOME {"sum": […], "average": […]} or {"label", "text", "ended"}, null where not scored; "-inf", "nan" are words
// Errors: Failed(io); Broken(file, line).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/evaluate/label_trie.hpp"

namespace bsft {

// The text that a model answered with, and the label that it gives (-1: none, the answer is invalid).
struct Answer {
  std::int32_t label = -1;
  std::string text;
  bool ended = false;  // by the end token
};

// Under one condition.
struct Outcome : LabelTrie::LabelScores {
  std::optional<Answer> answer;
  bool is_there() const { return answer.has_value() || !sum.empty(); }
};

struct ScoredRecord {
  std::int64_t record = -1;
  std::vector<double> behavior;  // [K] log p at the plain prompt's end; empty where nothing is selected
  Outcome plain;                 // without a behaviour; empty where not asked for
  std::vector<Outcome> forced;   // [K] under each behaviour; empty where it is not scored
};

void write_scored(std::filesystem::path const& file, std::span<ScoredRecord const> records);
std::vector<ScoredRecord> read_scored(std::filesystem::path const& file);

}  // namespace bsft
