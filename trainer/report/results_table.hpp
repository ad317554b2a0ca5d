// Show a results.json as tables: scores before and after by task, and how the model is steered.
//
//   suite full (test)   records  majority  before  after  95 % interval  [right  wrong  none]
//   a row a task, then a row a group and the overall rows: macro-F1 as the mean over tasks, pooled, and accuracy.
// before: the step-0 model without a token where that was scored (the untouched model), else its headline.
// after: the headline condition.  A results file of `bsft evaluate` has no before: the column is left out.
// Errors: Broken where the file has not the shape of results.hpp.
#pragma once

#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/report/table.hpp"

namespace bsft {

struct TitledTable {
  std::string title;
  Table table;
};

std::vector<TitledTable> results_tables(OrderedJson const& results);
// All of them as text with their titles.
std::string results_text(OrderedJson const& results, TableStyle style);

}  // namespace bsft
