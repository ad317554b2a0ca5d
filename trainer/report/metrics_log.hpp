// metrics.jsonl: one JSON line a step.
//
//   step epoch loss behavior_loss behavior_accuracy behavior_entropy response_loss response_accuracy end_loss
//   gradient_norm learning_rate records tokens unique_tokens supervised_tokens tokens_per_second
//   seconds.{data,forward,backward,reduce,optimizer,total} empty_batches skipped
// A channel without rows in a step has null, as what is not finite.  Entropy is in nats; tokens counts shared prefixes
// for every record that has them, unique_tokens once.  A resumed run first drops the lines after the step that it goes
// on from.  Where the disk is full, lines wait in memory for the next step, with one warning.  Requires: one rank only.
// Errors: Failed(io) of the constructor.
#pragma once

#include <filesystem>
#include <string>

#include "trainer/loop/metrics.hpp"

namespace bsft {

std::string metrics_line(StepMetrics const& metrics);

class MetricsLog {
 public:
  // Keeps the lines of steps 1 to `from`.
  MetricsLog(std::filesystem::path file, std::int64_t from);
  void write(StepMetrics const& metrics);

 private:
  std::filesystem::path file_;
  std::string waiting_;  // lines that could not be written yet
  bool warned_ = false;
};

}  // namespace bsft
