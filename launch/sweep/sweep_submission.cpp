#include "launch/sweep/sweep_submission.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "data/base/error.hpp"
#include "launch/slurm/client.hpp"
#include "launch/slurm/readiness.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr std::array programs{"modules", "setup", "sbatch_args", "srun_args"};

void take_slurm(Yaml const& section, slurm::Site& site) {
  if (!section) return;
  std::vector<std::string> findings;
  for (YamlNode::Entry const& entry : section->entries)
    if (std::find(programs.begin(), programs.end(), entry.key) != programs.end())
      findings.push_back(finding(entry.place, "slurm: " + entry.key, "it runs programs, which a sweep may not",
                                 "write it into slurm/site.yaml"));
  slurm::take_site(*section, site, findings);
  if (!findings.empty()) throw Findings(Exit::config, findings);
}

// Equal for configurations that fit or do not fit alike.
std::string shape_of(Config config) {
  config.run = {};
  config.optimizer = {};
  config.scheduler = {};
  config.behavior.loss_weight = 1;
  return digest_of(config);
}

}  // namespace

SweepSubmission submission_of(SweepRuns const& sweep, std::vector<RunState> const& states, slurm::Site site,
                              std::size_t most_tasks) {
  if (!sweep.halving.rungs.empty())
    throw Invalid(Exit::config, sweep.file.string() + ": halving", "the tasks of an array do not wait for one another",
                  "sbatch slurm/sweep.sbatch " + sweep.file.string());
  take_slurm(sweep.slurm, site);
  std::string const file = fs::absolute(sweep.file).string();
  std::map<std::string, slurm::Readiness> known;
  std::vector<std::vector<std::string>> words;
  std::int64_t lead_seconds = 0;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    SweepRun const& run = sweep.runs[i];
    if (states[i].stage == RunStage::done || states[i].stage == RunStage::running) continue;
    auto const [ready, fresh] = known.try_emplace(shape_of(run.arm.config));
    if (fresh) ready->second = slurm::readiness_of(run.arm.config, site.nodes * site.tasks_of_node());
    lead_seconds = std::max(lead_seconds, ready->second.lead_seconds);
    words.push_back({file, "--only", run.id});
  }
  SweepSubmission submission;
  submission.site = std::move(site);
  submission.runs = words.size();
  for (std::size_t begin = 0; begin < words.size(); begin += most_tasks) {
    slurm::BatchJob& array = submission.arrays.emplace_back();
    array.body = slurm::Body::sweep;
    array.name = sweep.name + (begin == 0 ? "" : "-" + std::to_string(submission.arrays.size()));
    array.folder = sweep.folder;
    array.words.assign(words.begin() + static_cast<std::ptrdiff_t>(begin),
                       words.begin() + static_cast<std::ptrdiff_t>(std::min(begin + most_tasks, words.size())));
    array.signal_seconds = lead_seconds;
  }
  submission.report.body = slurm::Body::command;
  submission.report.name = sweep.name + "-report";
  submission.report.folder = sweep.folder;
  submission.report.words = {{"sweep", "report", file}};
  return submission;
}

std::size_t most_array_tasks() {
  std::size_t most = 1001;
  std::istringstream lines(slurm::ask({"scontrol", "show", "config"}, 20).out);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("MaxArraySize", 0) == 0) std::istringstream(line.substr(line.find('=') + 1)) >> most;
  return std::max<std::size_t>(most, 1);
}

std::vector<std::string> submit_sweep(SweepSubmission submission) {
  std::vector<std::string> ids;
  auto const behind = [&](slurm::BatchJob& job, slurm::Site const& site) {
    if (!ids.empty()) job.after = "afterany:" + ids.back();
    ids.push_back(slurm::submit(job, site));
  };
  for (slurm::BatchJob& array : submission.arrays) behind(array, submission.site);
  behind(submission.report, slurm::alone(submission.site));
  return ids;
}

}  // namespace bsft
