// What a cluster wants to hear: slurm/site.yaml.
//
//   partition: gpu
//   time: "04:00:00"
//   setup: [source /opt/site/env.sh]
// Every key is a member of Site, and may be left out.  Read as a configuration is: an unknown key, a wrong type or
// range is a finding `file:line:column: what (why) what to do`.  Values are words to sbatch and srun, whatever is in
// them; only setup's lines are bash, run as they stand: a site file is to be trusted as a script is.
// Errors: Findings(config) of read_site.  Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trainer/config/yaml.hpp"

namespace bsft::slurm {

struct Site {
  std::string account, partition;  // empty: Slurm's default, or the user's SBATCH_ACCOUNT and SBATCH_PARTITION
  std::string time = "02:00:00";   // as sbatch --time
  std::int64_t nodes = 1;
  std::int64_t tasks_per_node = 0;  // ranks; 0: one a GPU, or one where there are none
  std::int64_t gpus_per_node = 0;
  std::int64_t cpus_per_task = 1;
  std::int64_t signal_seconds = 0;     // before the time limit; 0: as long as a save takes, measured, and a minute more
  std::int64_t array_parallelism = 4;  // tasks of an array at a time
  std::string mpi = "auto";            // who starts the ranks: srun by pmix or pmi2, or mpirun
  std::string mail_user;
  std::vector<std::string> modules, setup, sbatch_args, srun_args;
  std::string evaluator_partition;  // of the node of the evaluator ranks; empty: as `partition`
  std::int64_t evaluator_gpus = 0;  // on that node

  std::int64_t tasks_of_node() const;
  // Of `time`: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S; nothing where it is none of these, as UNLIMITED.
  std::optional<std::int64_t> limit_seconds() const;
};

// The values of a map, over those that `site` has; also of a map inside another file.
void take_site(YamlNode const& map, Site& site, std::vector<std::string>& findings);
Site read_site(std::filesystem::path const& file);
// `file`, or slurm/site.yaml of the working folder where that is there, or the defaults.
Site site_of(std::filesystem::path const& file);
// One value as an option of the command line gives it: "gpus-per-node", "4".  Errors: Invalid(usage) that names it.
void set_option(Site& site, std::string const& option, std::string const& value);

}  // namespace bsft::slurm
