// Read what a page shows of predictions.jsonl: which answers each task got, the worst errors, the twins gone wrong.
//
// One pass in bounded memory, under the headline condition; a line without a label counts in neither of the first two.
// The worse an error, the more nats its answer lies above the right one; where answers were generated and have no
// likelihood, the more conditions are wrong; else the earlier in the file.
// Errors: Broken where a line has another shape.  Source: scikit-learn's confusion_matrix, tests/report/errors_test.py
// and tests/evaluate/steering_test.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/base/json.hpp"

namespace bsft::page {

// Records by gold label and answer; the answer that is no label is empty.
struct Confusion {
  static constexpr std::size_t most_labels = 24;

  std::string task;
  std::vector<std::string> labels;                                     // in declared order, then as they appear
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;  // (label, answer)
  std::int64_t records = 0, right = 0;
  std::int64_t beyond = 0;  // records with a label beyond the first most_labels: in none of the counts
};

struct Verdict {  // on a record, under a condition
  std::string condition, behavior, answer;
  double nats = 0;  // above the right answer; NaN: not known
  bool right = false;
};

struct JudgedError {
  OrderedJson line;
  std::vector<Verdict> verdicts;
  double nats = 0;  // of the headline condition
};

struct TwinPair {
  std::string task;
  std::vector<OrderedJson> records;  // one or two lines
};

struct Predictions {
  bool exist = false;
  std::int64_t judged = 0, wrong = 0;
  std::vector<Confusion> tasks;    // the least right first
  std::vector<JudgedError> worst;  // the worst first
  std::vector<TwinPair> twins;
  std::int64_t wrong_twins = 0;  // pairs, of which the first are in `twins`
};

// labels: those that a task declares.  samples: at most so many errors, and pairs of twins, are kept.
Predictions read_predictions(std::filesystem::path const& file, std::string const& headline,
                             std::map<std::string, std::vector<std::string>> const& labels, std::size_t samples);

}  // namespace bsft::page
