#include "data/store/sources.hpp"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "data/base/error.hpp"
#include "data/base/finding_list.hpp"

namespace bsft {
namespace {

struct Source {
  std::string suite, file;
};

Source parse_source(std::string const& argument) {
  auto const at = argument.find('=');
  if (at == std::string::npos || std::filesystem::exists(argument)) return {"", argument};
  Source const source{argument.substr(0, at), argument.substr(at + 1)};
  bool const plain = std::all_of(source.suite.begin(), source.suite.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
  if (source.suite.empty() || !plain)
    throw Invalid(Exit::usage, "--records " + argument, "a suite's name is letters, digits, _ - and .",
                  "use NAME=FILE");
  return source;
}

}  // namespace

std::vector<SourcedRecord> read_sources(std::vector<std::string> const& arguments) {
  std::vector<SourcedRecord> records;
  std::unordered_map<std::string, std::size_t> index_of;
  FindingList findings;
  for (auto const& argument : arguments) {
    auto const source = parse_source(argument);
    for (auto& record : read_records(source.file)) {
      auto& suites = record.suites;
      if (!source.suite.empty() && std::find(suites.begin(), suites.end(), source.suite) == suites.end())
        suites.push_back(source.suite);
      if (suites.empty()) suites.push_back("full");
      std::string where = source.file + ":" + std::to_string(record.line);
      auto const [first, fresh] = index_of.try_emplace(record.id, records.size());
      if (!fresh)
        findings.add(one_line(where + ": \"id\"",
                              "\"" + record.id + "\" is at " + records[first->second].where + " as well",
                              "give every record an id of its own"));
      records.push_back({std::move(record), std::move(where)});
    }
  }
  findings.throw_any(Exit::data);
  return records;
}

void order_by_case(std::vector<SourcedRecord>& records) {
  std::unordered_map<std::string, std::size_t> first;
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < records.size(); ++i)
    order.emplace_back(first.try_emplace(records[i].record.case_id, i).first->second, i);
  std::sort(order.begin(), order.end());
  std::vector<SourcedRecord> sorted;
  sorted.reserve(records.size());
  for (auto const& [home, i] : order) sorted.push_back(std::move(records[i]));
  records = std::move(sorted);
}

}  // namespace bsft
