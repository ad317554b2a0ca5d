// The scored records of one suite, as results.json tells them (results.hpp has the grammar).
//
// A record without a label is not judged: its answer is free text.  Records stand under their own group, also where the
// task has records of two groups (the contrast suite).
// Errors: Invalid(data) for a suite that the file does not hold, with those that it does.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "trainer/evaluate/results.hpp"

namespace bsft {

class SuiteView {
 public:
  SuiteView(StoreReader const& reader, std::span<ScoredRecord const> scored, std::string const& suite);
  OrderedJson scores(Condition condition, Bootstrap bootstrap, Split split) const;
  // How well the behaviour itself is selected: macro-F1 over the behaviours.
  OrderedJson selection() const;
  // Speaks up on clean twins, silent on planted ones; empty where the suite has no such records.
  OrderedJson action_rates(Condition condition) const;

 private:
  RecordInfo const& info(ScoredRecord const& scored) const;
  std::vector<Judged> judge(Condition condition) const;
  std::vector<std::int32_t> majority_labels(Split split) const;  // [task], -1: no record

  StoreReader const& reader_;
  std::vector<ScoredRecord const*> members_;
};

}  // namespace bsft
