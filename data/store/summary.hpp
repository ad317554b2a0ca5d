// Sum up what a data file holds, for a run's folder (data.json): its certificate, and lengths and leaks by its columns.
//
//   {"data_digest", "max_length", "passed", "findings",            the certificate's
//    "in_two_splits": {"cases", "twin_sets"},                      0: nothing of one split is in another
//    "tasks": {<task>: {<behaviour>: {<split>: {records, tokens, shortest, median, longest, truncated, left_out}}}},
//    "lengths": {"bin": tokens, "splits": {<split>: [records by length: 1 to bin, bin + 1 to 2 bin, …]}}}
// Lengths are tokens of a record, the median is the lower one; truncated and left_out (over-long when the file was
// built) are the certificate's.
// Errors: Broken where the certificate has another shape.
#pragma once

#include "data/base/json.hpp"
#include "data/store/reader.hpp"

namespace bsft {

OrderedJson summary_of(StoreReader const& reader);

}  // namespace bsft
