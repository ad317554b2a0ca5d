// Say of a step that was not finite what was found, and note it in events.jsonl.
//
//   {"event": "not_finite", "step", "of": "loss" | "gradient", "skipped": whether it was so again, "ranks": [name],
//    "records": [id], "more_records": n}
// Requires: one rank only.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "launch/training_data.hpp"
#include "trainer/loop/metrics.hpp"

namespace bsft {

// The ids of the first few, and how many more.
std::string names_of(std::vector<std::int64_t> const& records, TrainingData const& data);
void tell_not_finite(StepMetrics const& metrics, TrainingData const& data, int ranks,
                     std::filesystem::path const& run_dir, std::function<void(std::string const&)> const& say);

}  // namespace bsft
