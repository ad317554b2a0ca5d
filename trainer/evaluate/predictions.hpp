// predictions.jsonl: what each condition says of each record, a JSON line a record in file order.
//
//   {id, case, twin?, task, group, suites, label, behavior, action?, behavior_log_p?: [K],
//    conditions: {<c>: {behavior?, prediction, log_p: [labels], log_p_per_token}}, text?, response?}
// (answer, ended in place of log_p where answers were generated).  label and prediction are null where there is none.
// text (the prompt's last 600 bytes, cut at a character) and response stand with what is wrong under `headline`, and
// with all members of its twin set: what a person looks at.  The same scores give the same bytes.  Read by
// comparison.hpp and the report page.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "trainer/evaluate/results.hpp"

namespace bsft {

void write_predictions(std::filesystem::path const& file, StoreReader const& reader,
                       std::span<ScoredRecord const> scored, std::vector<Condition> const& conditions,
                       std::string const& headline);

}  // namespace bsft
