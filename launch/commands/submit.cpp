// bsft submit: a training run as a Slurm job.
#include <cstdio>

#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "launch/run.hpp"
#include "launch/slurm/client.hpp"
#include "launch/slurm/readiness.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

char const* const site_options[] = {"nodes", "tasks-per-node", "gpus-per-node", "cpus-per-task",
                                    "time",  "partition",      "account"};

slurm::Site site_of(Arguments const& arguments) {
  slurm::Site site = slurm::site_of(arguments.text("site"));
  for (char const* option : site_options)
    if (arguments.has(option)) slurm::set_option(site, option, arguments.text(option));
  return site;
}

// Words of bsft train after --config.
std::vector<std::string> words_of(std::string const& config, std::vector<std::string> const& overrides) {
  std::vector<std::string> words = {fs::absolute(config).string()};
  for (std::string const& one : overrides) words.insert(words.end(), {"--set", one});
  return words;
}

int submit(Arguments const& arguments) {
  slurm::Site const site = site_of(arguments);
  std::string const file = arguments.positional.front();
  TrainRequest request{file, arguments.list("set"), "auto", {}, false, false};
  Config config = configured(request);
  bool const own_node = arguments.has("evaluator-node");
  if (own_node && site.mpi == "mpirun")
    throw Invalid(Exit::usage, "--evaluator-node with mpi: mpirun", "mpirun starts no heterogeneous job",
                  "write mpi: auto in slurm/site.yaml, or score beside the run with slurm/evaluate.sbatch");
  if (own_node && config.parallel.evaluator_ranks == 0) {
    request.overrides.emplace_back("parallel.evaluator_ranks=1");
    config = configured(request);
  }
  std::int64_t const evaluators = own_node ? config.parallel.evaluator_ranks : 0;
  std::int64_t const ranks = site.nodes * site.tasks_of_node() + evaluators;
  slurm::Readiness const ready = slurm::readiness_of(config, ranks);

  slurm::BatchJob job;
  job.name = config.run.name;
  job.folder = config.run.dir;
  job.words = {words_of(file, request.overrides)};
  job.signal_seconds = ready.lead_seconds;
  job.evaluators = evaluators;
  if (arguments.has("print")) {
    std::fputs(slurm::script_of(job, site).c_str(), stdout);
    return 0;
  }
  std::string const id = slurm::submit(job, site);
  std::string const log = slurm::script_file(job).replace_extension().string() + "-" + id + ".out";
  std::printf("job %s: %lld ranks, %lld steps, %lld parameters\n", id.c_str(), static_cast<long long>(ranks),
              static_cast<long long>(ready.steps), static_cast<long long>(ready.parameters));
  std::printf("  squeue -j %s        waits or runs\n  scancel %s          ends it; submitted again it goes on\n",
              id.c_str(), id.c_str());
  std::printf("  log     %s\n  run     %s\n  script  %s\n", log.c_str(), config.run.dir.c_str(),
              slurm::script_file(job).c_str());
  return 0;
}

}  // namespace

Command submit_command() {
  return {
      "submit",
      "Run",
      "train as a Slurm job: check the configuration, write the batch script, submit it",
      "C.yaml",
      {{"nodes", "N", "as nodes of slurm/site.yaml, and so are the next ones", ""},
       {"tasks-per-node", "N", "ranks of a node; 0: one a GPU, or one where there are none", ""},
       {"gpus-per-node", "N", "GPUs of a node", ""},
       {"cpus-per-task", "N", "cores of a rank", ""},
       {"time", "T", "of a job, as sbatch --time; it goes back to the queue until the run is done", ""},
       {"partition", "P", "as sbatch --partition", ""},
       {"account", "A", "as sbatch --account", ""},
       {"site", "FILE.yaml", "in place of slurm/site.yaml", ""},
       {"evaluator-node", "", "the evaluator ranks beside the others, on a node of their own (srun with PMI alone)",
        ""},
       {"set", "key=value", "override a key of the configuration", "", false, true},
       {"print", "", "only print the script; needs no Slurm", ""}},
      {"bsft submit configs/quickstart.yaml --tasks-per-node 3",
       "bsft submit C.yaml --nodes 2 --gpus-per-node 4 --time 08:00:00 --evaluator-node", "bsft submit C.yaml --print"},
      submit};
}

}  // namespace bsft
