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

bool chooses(SuiteSpec const& suite, Record const& record) {
  auto const among = [](auto const& list, auto const& value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  return among(suite.tasks, record.task) && among(suite.groups, record.group) &&
         among(suite.behaviors, record.behavior) && among(suite.levels, record.level) &&
         among(suite.sources, record.source);
}

void join(std::vector<std::string>& suites, std::string const& name) {
  if (std::find(suites.begin(), suites.end(), name) == suites.end()) suites.push_back(name);
}

}  // namespace

SourcedRecords read_sources(std::vector<std::string> const& arguments, std::vector<SuiteSpec> const& declared) {
  SourcedRecords sources;
  auto& records = sources.records;
  std::unordered_map<std::string, std::string> first_at;
  FindingList findings;
  for (auto const& argument : arguments) {
    auto const source = parse_source(argument);
    for (auto& record : read_records(source.file)) {
      auto& suites = record.suites;
      if (!source.suite.empty()) join(suites, source.suite);
      if (suites.empty()) suites.push_back("full");
      for (SuiteSpec const& suite : declared)
        if (chooses(suite, record)) join(suites, suite.name);
      std::string where = source.file + ":" + std::to_string(record.line);
      auto const [first, fresh] = first_at.try_emplace(record.id, where);
      if (!fresh)
        findings.add(one_line(where + ": \"id\"", "\"" + record.id + "\" is at " + first->second + " as well",
                              "give every record an id of its own"));
      if (record.needs_image)
        ++sources.needing_images[record.task];
      else
        records.push_back({std::move(record), std::move(where)});
    }
  }
  findings.throw_any(Exit::data);
  return sources;
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
