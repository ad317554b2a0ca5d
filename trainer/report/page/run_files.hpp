// Read what a page shows of a run's folder, in bounded memory.
//
// metrics.jsonl becomes a column a quantity; of predictions.jsonl only the first pairs of twins that went wrong are
// kept.  A torn last line of a .jsonl is passed over, as is a line that is no object.
// Errors: Invalid(usage) for a folder that holds neither config.yaml, metrics.jsonl nor results.json; Broken where
// results.json is no JSON.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft::page {

// metrics.jsonl by column; NaN where a line has no number there.
struct StepLog {
  std::vector<double> step;
  std::map<std::string, std::vector<double>> columns;  // "loss", "seconds.data"
};

struct TwinPair {
  std::string task;
  std::vector<OrderedJson> records;  // one or two lines of predictions.jsonl
};

struct RunFiles {
  std::filesystem::path folder;
  std::string name;
  OrderedJson results;  // null: there are none yet
  std::vector<OrderedJson> evaluations, events;
  StepLog steps;
  std::vector<TwinPair> twins;
  bool has_predictions = false;
  std::int64_t wrong_twins = 0;  // pairs, of which the first ten are in `twins`
  std::string config;            // its first 64 KiB
  OrderedJson manifest;          // of the last checkpoint; null: none
  std::optional<RunStatus> status;
  std::size_t trainers = 0, evaluators = 0;  // ranks.json; 0: not known
};

RunFiles read_run(std::filesystem::path const& folder);

}  // namespace bsft::page
