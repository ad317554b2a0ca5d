#include "data/store/summary.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "data/base/error.hpp"
#include "data/store/audit.hpp"

namespace bsft {
namespace {

constexpr Split splits[] = {Split::train, Split::dev, Split::test};

struct Cell {
  std::vector<std::int64_t> lengths;
  std::int64_t truncated = 0, left_out = 0;
};
using Cells = std::map<std::tuple<TaskId, BehaviorId, Split>, Cell>;

OrderedJson cell_json(Cell cell) {
  std::sort(cell.lengths.begin(), cell.lengths.end());
  OrderedJson json{{"records", cell.lengths.size()},
                   {"tokens", std::accumulate(cell.lengths.begin(), cell.lengths.end(), std::int64_t{0})}};
  if (!cell.lengths.empty()) {
    json["shortest"] = cell.lengths.front();
    json["median"] = cell.lengths[(cell.lengths.size() - 1) / 2];
    json["longest"] = cell.lengths.back();
  }
  json["truncated"] = cell.truncated;
  json["left_out"] = cell.left_out;
  return json;
}

// How many of them have records in more than one split.
std::int64_t in_two_splits(std::vector<RecordInfo> const& records, std::int64_t RecordInfo::*of) {
  std::unordered_map<std::int64_t, Split> home;
  std::set<std::int64_t> leaked;
  for (RecordInfo const& record : records) {
    if (record.*of < 0) continue;
    if (home.try_emplace(record.*of, record.split).first->second != record.split) leaked.insert(record.*of);
  }
  return static_cast<std::int64_t>(leaked.size());
}

// 1, 2 or 5 times a power of ten, so that there are at most 20 bins.
std::int64_t bin_for(std::int64_t longest) {
  for (std::int64_t power = 1;; power *= 10) {
    for (std::int64_t const factor : {1, 2, 5})
      if (20 * factor * power >= longest) return factor * power;
  }
}

OrderedJson lengths_of(std::vector<RecordInfo> const& records) {
  std::int64_t longest = 1;
  for (RecordInfo const& record : records) longest = std::max<std::int64_t>(longest, record.length);
  std::int64_t const bin = bin_for(longest);
  OrderedJson json{{"bin", bin}, {"splits", OrderedJson::object()}};
  for (Split const split : splits) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>((longest - 1) / bin + 1));
    for (RecordInfo const& record : records)
      if (record.split == split) ++counts[static_cast<std::size_t>((record.length - 1) / bin)];
    json["splits"][std::string(name_of(split))] = counts;
  }
  return json;
}

void take_certificate(OrderedJson& json, Cells& cells, std::string const& text) {
  std::string const where = "dataset certificate";
  Json const certificate = parse_json(text, where);
  try {
    json["passed"] = certificate.at("passed").get<bool>();
    json["findings"] = certificate.at("findings").get<std::int64_t>();
  } catch (Json::exception const& error) {
    throw Broken(where, error.what());
  }
  for (auto const& [key, certified] : certified_cells(certificate, where)) {
    cells[key].truncated = certified.truncated;
    cells[key].left_out = certified.dropped;
  }
}

}  // namespace

OrderedJson summary_of(StoreReader const& reader) {
  Catalog const& catalog = reader.catalog();
  auto const& records = reader.records();
  OrderedJson json{{"data_digest", catalog.data_digest}, {"max_length", catalog.max_length}};
  Cells cells;
  for (RecordInfo const& record : records)
    cells[{record.task, record.behavior, record.split}].lengths.push_back(record.length);
  take_certificate(json, cells, reader.certificate());
  json["in_two_splits"] = {{"cases", in_two_splits(records, &RecordInfo::case_index)},
                           {"twin_sets", in_two_splits(records, &RecordInfo::twin_index)}};
  json["tasks"] = OrderedJson::object();
  for (auto const& [key, cell] : cells) {
    auto const task = static_cast<std::size_t>(index(std::get<TaskId>(key))),
               behavior = static_cast<std::size_t>(index(std::get<BehaviorId>(key)));
    if (task >= catalog.tasks.size() || behavior >= catalog.behaviors.tokens.size())
      throw Broken("dataset certificate", "it names a task or behaviour that the catalogue lacks");
    json["tasks"][catalog.tasks[task].name][catalog.behaviors.tokens[behavior].name]
        [std::string(name_of(std::get<Split>(key)))] = cell_json(cell);
  }
  json["lengths"] = lengths_of(records);
  return json;
}

}  // namespace bsft
