#include "launch/sweep/start_words.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "launch/doctor/ranks.hpp"
#include "trainer/evaluate/child.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

std::int64_t number_in(char const* variable) {
  char const* const text = std::getenv(variable);
  std::int64_t value = 0;
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), value);
  return value;
}

bool in_slurm_job() { return std::getenv("SLURM_JOB_ID") != nullptr; }

bool srun_speaks_pmix() {
  fs::path const list = fs::temp_directory_path() / ("bsft_srun_" + std::to_string(::getpid()));
  bool speaks = false;
  try {
    run_child("/usr/bin/env", {"srun", "--mpi=list"}, list, Variables::kept);
    speaks = doctor::judge_plugins(read_file(list, std::size_t{1} << 16)).verdict == doctor::Verdict::ok;
  } catch (Error const&) {  // no srun
  }
  std::error_code ignored;
  fs::remove(list, ignored);
  return speaks;
}

std::vector<cpu_set_t> parts_of(cpu_set_t const& all, std::size_t parts) {
  std::vector<std::size_t> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all)) cpus.push_back(cpu);
  if (cpus.size() < parts) return {};
  std::vector<cpu_set_t> result(parts);
  for (std::size_t part = 0; part < parts; ++part) {
    CPU_ZERO(&result[part]);
    for (std::size_t i = cpus.size() * part / parts; i < cpus.size() * (part + 1) / parts; ++i)
      CPU_SET(cpus[i], &result[part]);
  }
  return result;
}

}  // namespace

Shares shares_of(std::int64_t ranks, std::int64_t together) {
  std::int64_t const tasks = in_slurm_job() ? number_in("SLURM_NTASKS") : 0;
  std::string const asked = "--together " + std::to_string(together) + " --ranks " + std::to_string(ranks);
  if (tasks > 0 && ranks * together > tasks)
    throw Invalid(Exit::usage, asked,
                  std::to_string(ranks * together) + " ranks, and the job has " + std::to_string(tasks) + " tasks",
                  "ask for fewer, or for a larger job");
  Shares shares{ranks, together, in_slurm_job() && srun_speaks_pmix(), {}};
  if (shares.srun || together == 1) return shares;
  if (in_slurm_job() && number_in("SLURM_JOB_NUM_NODES") > 1)
    throw Invalid(Exit::usage, asked, "srun has no PMIx here, and mpirun would start all of them on the first node",
                  "leave --together out, or use bsft sweep submit");
  cpu_set_t mine;
  if (::sched_getaffinity(0, sizeof mine, &mine) == 0) shares.cpus = parts_of(mine, static_cast<std::size_t>(together));
  return shares;
}

std::vector<std::string> start_words(Shares const& shares, std::string const& config) {
  std::vector<std::string> words{"launch", "--"};
  std::string const ranks = std::to_string(shares.ranks);
  if (shares.srun) {
    words.insert(words.end(), {"srun", "--mpi=pmix", "--unbuffered", "--kill-on-bad-exit=1", "--ntasks", ranks});
    if (shares.together > 1) words.insert(words.end(), {"--exact"});
  } else if (shares.ranks > 1 || number_in("SLURM_NTASKS") > 1) {
    words.insert(words.end(), {"mpirun", "-np", ranks});
    if (!shares.cpus.empty()) words.insert(words.end(), {"--bind-to", "none"});
  }
  words.insert(words.end(), {this_program().string(), "train", "--config", config, "--resume", "auto"});
  return words;
}

OnCpus::OnCpus(cpu_set_t const& cpus) {
  ::sched_getaffinity(0, sizeof before_, &before_);
  ::sched_setaffinity(0, sizeof cpus, &cpus);
}

OnCpus::~OnCpus() { ::sched_setaffinity(0, sizeof before_, &before_); }

}  // namespace bsft
