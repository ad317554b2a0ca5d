// The scored records of one suite, and their scores as results.json tells them (results.hpp has the grammar).
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
  // What looks as if nothing was read: a task whose items all got one label, or labels that are all equally likely.
  std::vector<std::string> alarms(Condition condition) const;

  StoreReader const& reader() const { return reader_; }
  std::vector<ScoredRecord const*> const& members() const { return members_; }
  RecordInfo const& info(ScoredRecord const& scored) const;
  std::vector<Judged> judge(Condition condition) const;
  // The classes of the catalogue's tasks.
  LabelSets label_sets() const;

 private:
  std::vector<std::int32_t> constant_predictions(std::span<Judged const> items) const;

  StoreReader const& reader_;
  std::vector<ScoredRecord const*> members_;
  std::string suite_;
};

}  // namespace bsft
