// Name the ranks that are slow by their own work, every 20 steps.
//
// Each is a warning to `say` and a line of events.jsonl, on rank 0 (trainer/loop/stragglers.hpp has the rule).
// Collective over the trainers: step(), after every step.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "trainer/comm/communicator.hpp"
#include "trainer/comm/flight_recorder.hpp"
#include "trainer/loop/metrics.hpp"
#include "trainer/loop/stragglers.hpp"

namespace bsft {

class StragglerWatch {
 public:
  // All must outlive it.
  StragglerWatch(Communicator& trainers, FlightRecorder const& recorder, std::filesystem::path const& run_dir,
                 std::function<void(std::string const&)> say);
  void step(StepMetrics const& metrics);

 private:
  Communicator& trainers_;
  FlightRecorder const& recorder_;
  std::filesystem::path const& run_dir_;
  std::function<void(std::string const&)> say_;
  std::optional<Stragglers> stragglers_;
  double worked_ = 0;  // s of this rank since they were looked for
};

}  // namespace bsft
