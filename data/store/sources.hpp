// The record files of a build, read and put in file order.
//
// An argument is FILE or NAME=FILE; a NAME is a suite that all of the file's records join.  Records of no suite join
// "full"; a suite that the taxonomy declares is joined by the records that it chooses.  Records that need an image are
// left out and counted by task.  Ids are unique over all files.  order_by_case keeps the order of first appearance and
// sets the members of a case beside each other. Errors: Invalid(usage) for an argument, Findings(data) for bad lines.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/schema/record.hpp"
#include "data/schema/taxonomy.hpp"

namespace bsft {

struct SourcedRecord {
  Record record;
  std::string where;  // file:line
};

struct SourcedRecords {
  std::vector<SourcedRecord> records;
  std::map<std::string, std::int64_t> needing_images;  // by task: left out
};

SourcedRecords read_sources(std::vector<std::string> const& arguments, std::vector<SuiteSpec> const& suites);
void order_by_case(std::vector<SourcedRecord>& records);

}  // namespace bsft
