#include "trainer/evaluate/scored_record.hpp"

#include <cmath>
#include <limits>
#include <sstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

OrderedJson to_json(std::vector<double> const& values) {
  OrderedJson json = OrderedJson::array();
  for (double const value : values) {
    if (std::isfinite(value))
      json.push_back(value);
    else
      json.push_back(std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
  }
  return json;
}

std::vector<double> values_of(Json const& json) {
  double const infinity = std::numeric_limits<double>::infinity();
  std::vector<double> values;
  for (Json const& value : json) {
    if (value.is_string())
      values.push_back(value == "nan" ? std::nan("") : value == "-inf" ? -infinity : infinity);
    else
      values.push_back(value.get<double>());
  }
  return values;
}

OrderedJson to_json(Outcome const& outcome) {
  if (!outcome.is_there()) return nullptr;
  if (auto const& answer = outcome.answer)
    return {{"label", answer->label}, {"text", answer->text}, {"ended", answer->ended}};
  return {{"sum", to_json(outcome.sum)}, {"average", to_json(outcome.average)}};
}

Outcome outcome_of(Json const& json) {
  Outcome outcome;
  if (json.is_null()) return outcome;
  if (json.contains("text")) {
    outcome.answer =
        Answer{json.at("label").get<std::int32_t>(), json.at("text").get<std::string>(), json.at("ended").get<bool>()};
  } else {
    outcome.sum = values_of(json.at("sum"));
    outcome.average = values_of(json.at("average"));
  }
  return outcome;
}

ScoredRecord record_of(Json const& json) {
  ScoredRecord record;
  record.record = json.at("record").get<std::int64_t>();
  record.behavior = values_of(json.at("behavior"));
  record.plain = outcome_of(json.at("plain"));
  for (Json const& outcome : json.at("forced")) record.forced.push_back(outcome_of(outcome));
  return record;
}

}  // namespace

void write_scored(std::filesystem::path const& file, std::span<ScoredRecord const> records) {
  std::string text;
  for (ScoredRecord const& record : records) {
    OrderedJson line = {{"record", record.record},
                        {"behavior", to_json(record.behavior)},
                        {"plain", to_json(record.plain)},
                        {"forced", OrderedJson::array()}};
    for (Outcome const& outcome : record.forced) line["forced"].push_back(to_json(outcome));
    text += line.dump() + "\n";
  }
  write_atomically(file, text);
}

std::vector<ScoredRecord> read_scored(std::filesystem::path const& file) {
  std::vector<ScoredRecord> records;
  std::istringstream text(read_file(file));
  std::int64_t number = 0;
  for (std::string line; std::getline(text, line);) {
    std::string const where = file.string() + ":" + std::to_string(++number);
    Json const json = parse_json(line, where);
    try {
      records.push_back(record_of(json));
    } catch (Json::exception const& error) {
      throw Broken(where, std::string("no scored record: ") + error.what());
    }
  }
  return records;
}

}  // namespace bsft
