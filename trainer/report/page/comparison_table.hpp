// Show how arms compare: a table arms × groups with half the interval behind ±, and a sentence a pair, or a row
// where they are more than a reader takes in.
//
// The comparison: {metric, suite, split, mode, records, arms: [{name, runs, seeds, headline, overall: {value, ci95,
// of_seeds}, groups, tasks}], pairs: [{a, b, overall: {value, ci95, only_a, only_b, p, p_holm, verdict}, groups,
// tasks}]}.
// Errors: Broken where it has another shape.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/report/table.hpp"

namespace bsft::page {

Table comparison_table(OrderedJson const& comparison);
std::string p_text(std::optional<double> p);  // "0.012", "< 0.001"
std::vector<std::string> comparison_verdicts(OrderedJson const& comparison);
Table pairs_table(OrderedJson const& comparison);
bool reads_as_sentences(OrderedJson const& comparison);
// The arms, and the pairs as sentences or as a table.
std::string comparison_text(OrderedJson const& comparison, TableStyle style);

}  // namespace bsft::page
