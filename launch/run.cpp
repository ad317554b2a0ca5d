#include "launch/run.hpp"

#include <future>
#include <memory>

#include "launch/guardian.hpp"
#include "launch/start.hpp"
#include "launch/stop_signals.hpp"
#include "launch/training_run.hpp"
#include "launch/world.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {

Config configured(TrainRequest const& request) {
  std::vector<std::string> overrides = request.overrides;
  auto const read = [&](Files files) {
    Config config = read_config(request.config, overrides, files);
    if (config.run.dir.empty()) config.run.dir = "runs/" + config.run.name + "-" + digest_of(config).substr(0, 8);
    return config;
  };
  if (request.resume == "auto") {
    Config const begun = read(Files::may_lack);
    std::string const& from = begun.checkpoint.resume;
    if (from != "none" && from != "auto" && published_steps(begun.run.dir).empty()) return read(Files::must_exist);
    std::erase_if(overrides, [](std::string const& one) { return one.rfind("checkpoint.resume=", 0) == 0; });
  }
  if (!request.resume.empty()) overrides.push_back("checkpoint.resume=" + request.resume);
  return read(Files::must_exist);
}

int run_train(TrainRequest const& request) {
  FlightRecorder recorder;
  if (!request.dry_run) listen_for_stop(is_launched(this_environment()) ? Answers::no : Answers::yes);
  if (!request.dry_run)
    if (auto const code = guard(recorder)) return *code;  // the parent of the rank, after it has ended
  Config const config = configured(request);
  std::packaged_task<Probed()> probing([&] { return probe(config.data.file); });
  probing();  // it forks, so before there are MPI and threads; what it found is told when ranks can tell each other
  std::unique_ptr<Job> const job = start_job(config, recorder);
  RunPlace place;
  int const code = guarded(*job, place, recorder, [&] {
    TrainingRun run(config, *job, place, recorder, request.force_unlock ? Unlock::forced : Unlock::when_ended,
                    probing.get_future());
    run.look_ahead(request.allow_change);
    run.split_ranks();
    run.watch();
    run.open_data();
    run.build_model();
    if (request.dry_run) return run.summarise(stdout);
    run.claim_folder();
    run.resume();
    run.start_evaluation();
    if (!run.trains()) return run.serve_as_evaluator();
    run.summarise(stderr);
    run.train();
    return run.report();
  });
  if (place.without_evaluator) job->leave(code);
  return code;
}

}  // namespace bsft
