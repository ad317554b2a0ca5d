// Read what a page shows of a run's folder, in bounded memory.
//
// metrics.jsonl becomes a column a quantity; predictions.hpp says what is kept of predictions.jsonl.  A torn last line
// of a .jsonl is passed over, as is a line that is no object.
// Errors: Invalid(usage) for a folder that holds neither config.yaml, metrics.jsonl nor results.json; Broken where
// results.json is no JSON.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/report/page/predictions.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft::page {

// metrics.jsonl by column; NaN where a line has no number there.
struct StepLog {
  std::vector<double> step;
  std::map<std::string, std::vector<double>> columns;  // "loss", "seconds.data"
};

struct RunFiles {
  std::filesystem::path folder;
  std::string name;
  OrderedJson results;  // null: there are none yet
  OrderedJson data;     // data.json; null: there is none
  std::vector<OrderedJson> evaluations, events;
  StepLog steps;
  Predictions predictions;
  std::string config;    // its first 64 KiB
  OrderedJson manifest;  // of the last checkpoint; null: none
  std::optional<RunStatus> status;
  std::size_t trainers = 0, evaluators = 0;  // ranks.json; 0: not known
};

// samples: at most so many of each kind that show a record's words.
RunFiles read_run(std::filesystem::path const& folder, std::size_t samples);

}  // namespace bsft::page
