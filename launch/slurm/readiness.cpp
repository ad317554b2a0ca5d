#include "launch/slurm/readiness.hpp"

#include "data/base/error.hpp"
#include "data/feed/lanes.hpp"
#include "data/store/probe.hpp"
#include "launch/doctor/storage.hpp"
#include "launch/resume_check.hpp"
#include "launch/start.hpp"
#include "launch/training_data.hpp"
#include "trainer/checkpoint/same_run.hpp"
#include "trainer/loop/train.hpp"

namespace bsft::slurm {
namespace {

void require_legal(Config const& config, std::int64_t ranks) {
  std::int64_t const evaluators = ranks == 1 ? 0 : config.parallel.evaluator_ranks;
  if (evaluators >= ranks)
    throw Invalid(Exit::config,
                  "parallel.evaluator_ranks: " + std::to_string(evaluators) + " of " + std::to_string(ranks) + " ranks",
                  "no rank would train", "ask for more nodes or tasks");
  lanes_of(0, ranks - evaluators, config.parallel.lanes, reduction_of(config));
}

}  // namespace

Readiness readiness_of(Config const& config, std::int64_t ranks) {
  constexpr double most_seconds = 0.5;
  require_legal(config, ranks);
  look_ahead(config, model_files_of(config.model.path), {});
  TrainingData data(config, probe(config.data.file));
  data.set_order({});
  Readiness ready;
  ready.steps = total_steps_of(config.train, data.order());
  auto const behaviors = static_cast<std::int64_t>(data.reader().catalog().behaviors.tokens.size());
  for (doctor::Finding const& finding :
       doctor::examine_folder(config.run.dir, most_seconds, Launcher::srun, &config, behaviors)) {
    if (finding.verdict == doctor::Verdict::fail)
      throw Error(finding.code, config.run.dir + " cannot take the run", finding.check + ": " + finding.found,
                  finding.advice);
    ready.parameters = finding.numbers.value("parameters", ready.parameters);
    ready.lead_seconds = finding.numbers.value("lead_seconds", ready.lead_seconds);
  }
  return ready;
}

}  // namespace bsft::slurm
