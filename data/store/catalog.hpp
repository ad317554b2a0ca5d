// The catalogue of a BehaviorBench file: made from records and taxonomy, and its JSON form (format.md).
//
// Tasks come in the taxonomy's order, then those that only the records know, as they appear; groups and suites as they
// appear.  Errors: findings for a behaviour that the taxonomy lacks, for records that differ from their task's
// declaration (group, behaviour, labels) or, undeclared, from the labels of the task's first record; Broken for a
// catalogue that does not hold together.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/base/finding_list.hpp"
#include "data/schema/taxonomy.hpp"
#include "data/store/reader.hpp"
#include "data/store/sources.hpp"

namespace bsft {

// Everything but what needs the tokenizer.
Catalog make_catalog(std::vector<SourcedRecord> const& records, Taxonomy const& taxonomy, FindingList& findings);

std::string catalog_to_json(Catalog const& catalog);
Catalog catalog_from_json(std::string const& text, std::string const& where);

}  // namespace bsft
