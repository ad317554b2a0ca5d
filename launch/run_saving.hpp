// When a training run saves, and what becomes of a save that fails.
//
//   due while one is being written           waited for, half a second at most; then left out, counted and said
//   written by all, seen in a step's notes   committed after that step; then the evaluation is told
//   failed                                   a warning; the third in a row, or one that must succeed: exit code 74
//   another job owns the folder              exit code 73
// A save stalls training by the copy to host memory (and with ZeRO-3 the gathering), and later by the commit; both are
// noted in events.jsonl.
// Collective: all trainer ranks call the same in the same order; stepped() after every step.
// Errors: Told, on all ranks alike.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "trainer/checkpoint/host_copy.hpp"
#include "trainer/checkpoint/saver.hpp"
#include "trainer/comm/flight_recorder.hpp"
#include "trainer/loop/train.hpp"

namespace bsft {

class RunSaving {
 public:
  struct Hooks {
    std::function<void(std::string const& line)> say;  // to the user, on rank 0
    std::function<void(std::int64_t step)> published;  // all ranks, after the commit
  };
  // behind: training goes on.  now: returns when it is published, or failed with a warning.  must: the same, and a
  // failure ends the run.
  enum class When { behind, now, must };

  // bulk carries weights and moments, host small messages.  `files`: those of rank 0 that stay the same.  All must
  // outlive it.
  RunSaving(std::filesystem::path folder, std::int64_t owner, Retention keep, int shards, Communicator& host,
            Communicator& bulk, FlightRecorder& recorder, TrainPlan const& plan, Decoder const& decoder,
            Optimizer const& optimizer, ExportedFiles files, Hooks hooks);

  // What the others have to know of this rank's part.
  Notes notes() const;
  void stepped(std::int64_t step, Notes const& all);
  void save(Manifest manifest, When when);
  // A save under way is published, or has failed, when this returns.
  void catch_up();

 private:
  void copy();
  void finish(When when);
  void fail(SaveOutcome const& outcome, When when);
  void note(std::int64_t step, double stalled, double committed) const;
  bool leads() const { return host_.rank() == 0; }

  std::filesystem::path folder_;
  Communicator& host_;
  Communicator& bulk_;
  FlightRecorder& recorder_;
  TrainPlan const& plan_;
  Decoder const& decoder_;
  Optimizer const& optimizer_;
  Share share_;
  ExportedFiles files_;
  Hooks hooks_;
  std::optional<HostCopy> copy_;
  int failures_ = 0, skipped_ = 0;  // failures in a row
  std::int64_t step_ = 0;           // done
  double stalled_ = 0;              // s, by the copy under way
  Saver saver_;                     // ends first: its thread reads the copy
};

}  // namespace bsft
