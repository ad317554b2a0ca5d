// The record files of a build, read and put in file order.
//
// An argument is FILE or NAME=FILE; a NAME is a suite that all of the file's records join.  Records of no suite join
// "full".  Ids are unique over all files.  order_by_case keeps the order of first appearance and sets the members of a
// case beside each other.
// Errors: Invalid(usage) for an argument, Findings(data) for bad lines.
#pragma once

#include <string>
#include <vector>

#include "data/schema/record.hpp"

namespace bsft {

struct SourcedRecord {
  Record record;
  std::string where;  // file:line
};

std::vector<SourcedRecord> read_sources(std::vector<std::string> const& arguments);
void order_by_case(std::vector<SourcedRecord>& records);

}  // namespace bsft
