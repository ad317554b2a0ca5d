// Say in a sentence and a table what came out of one run or of several.
//
//   one run     suite | part | before | after | 95 % interval | most frequent | token only | records
//   several     run | suite | overall | each group, with half the interval behind ±
// before: the untouched model without a token.  token only: the most frequent label given the behaviour alone; its
// column stands where the file has it.  Errors: Broken where a results file has another shape.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/page/run_files.hpp"
#include "trainer/report/table.hpp"

namespace bsft::page {

// Sentences: the verdict of each suite.
std::vector<std::string> verdicts(RunFiles const& run);
// What a reader must know besides: alarms, what is missing or was left out.
std::vector<std::string> warnings(RunFiles const& run);
Table headline_table(std::vector<RunFiles> const& runs);
// All of it as text, with the comparison where there is one (else null).
std::string headline_text(std::vector<RunFiles> const& runs, OrderedJson const& comparison, TableStyle style);

}  // namespace bsft::page
