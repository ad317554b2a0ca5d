// The stages of a training run, in the order in which run.cpp calls them.
//
// Every stage up to start_evaluation is collective over all ranks; what fails on one of them is thrown on all (Told).
// The evaluator rank opens no data and no model: it only agrees.
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/host_memory.hpp"
#include "launch/run_evaluation.hpp"
#include "launch/run_saving.hpp"
#include "launch/start.hpp"
#include "launch/stop_request.hpp"
#include "launch/training_data.hpp"
#include "trainer/checkpoint/run_directory.hpp"
#include "trainer/loop/memory.hpp"
#include "trainer/loop/train.hpp"
#include "trainer/report/progress.hpp"

namespace bsft {

class TrainingRun {
 public:
  // All must outlive it.
  TrainingRun(Config const& config, Job& job, RunPlace& place, FlightRecorder& recorder, Unlock unlock,
              std::future<Probed> data);

  // Refuses to go on as another run; `allowed`: keys that may change.
  void look_ahead(std::vector<std::string> const& allowed);
  void split_ranks();
  void watch();
  bool trains() const { return trainers_ != nullptr; }
  void open_data();
  void build_model();
  // Ranks, lanes, records, steps, parameters, memory, behaviour rows; from rank 0.  Returns 0.
  int summarise(std::FILE* stream) const;
  void claim_folder();
  void resume();
  void start_evaluation();
  int serve_as_evaluator() { return evaluation_->serve(); }
  void train();
  // Waits for the evaluation, where the job was not asked to stop; where the results lie.  The exit code of the run.
  int report();

 private:
  bool leads() const { return job_.rank() == 0; }
  void together(std::function<void()> const& stage);
  void note_ranks();
  void share_cpus();
  // What carries gradients and weights.
  Communicator& bulk() const { return devices_ ? *devices_ : weights_ ? *weights_ : *trainers_; }
  void start_saving();
  void save_first();
  void published(std::int64_t step);
  void take_history(Manifest const& manifest);
  // What this rank does not keep of a parameter's weights takes no memory from now on.
  void keep_share(Decoder const& model, Parameter const& parameter) const;
  Buckets buckets(Decoder const& model) const;
  ModelMemory model_bytes() const;
  std::int64_t copy_bytes() const;  // that a checkpoint takes beside training
  RankMemory memory_here() const;
  // A line of events.jsonl (memory_record.hpp).  Collective over the trainers.
  void note_memory();
  Manifest manifest() const;
  void say(std::string const& line);
  bool ends_at(std::int64_t step);
  int stop_early();
  std::string early() const;

  Config const& config_;
  std::filesystem::path folder_;
  Job& job_;
  RunPlace& place_;
  Unlock unlock_;
  FlightRecorder& recorder_;
  StopRequest stop_;
  bool stops_ = false;  // all ranks know of it
  std::unique_ptr<Communicator> trainers_;
  std::unique_ptr<Communicator> devices_;          // only where the gradient lies on GPUs
  std::unique_ptr<Communicator> weights_;          // only where weights travel while small messages must pass
  int evaluators_ = 0;                             // as parallel.evaluator_ranks; a lone rank takes turns instead
  int threads_ = 1;                                // of this rank
  std::int64_t before_model_ = 0, available_ = 0;  // bytes: of this process, and left on its host
  std::vector<std::string> cpu_lines_;             // threads that do not fit the CPUs, for the summary
  LaneRange mine_;
  std::future<Probed> probed_;
  std::unique_ptr<TrainingData> data_;
  std::unique_ptr<Decoder> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<TrainState> state_;
  TrainPlan plan_;
  std::vector<std::string> allowed_;
  bool goes_on_ = false;         // from a checkpoint, as far as rank 0 knows before it claims the folder
  std::vector<Change> changes_;  // of the configuration, since the first start
  std::map<std::string, std::string> model_files_;  // of rank 0
  Determinism determinism_;
  std::int64_t found_step_ = -1;  // of the checkpoint of this folder that it goes on from
  std::string base_digest_;       // of the base table where it is frozen
  std::unique_ptr<RunDirectory> claim_;
  std::int64_t owner_ = 0;  // of the folder
  bool enough_ = false;     // trained until the metric gets no better
  std::optional<RunEvaluation> evaluation_;
  std::optional<RunSaving> saving_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace bsft
