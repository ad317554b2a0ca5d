#include "launch/sweep/start_words.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string_view>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "launch/help.hpp"
#include "launch/slurm/client.hpp"

namespace bsft {
namespace {

std::int64_t number_in(char const* variable) {
  char const* const text = std::getenv(variable);
  std::int64_t value = 0;
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), value);
  return value;
}

bool in_slurm_job() { return std::getenv("SLURM_JOB_ID") != nullptr; }

std::vector<std::string> ways_of(std::int64_t ranks) {
  char const* const said = std::getenv("BSFT_MPI");
  if (said != nullptr && *said != '\0') return {said};
  if (!in_slurm_job()) return {ranks > 1 ? "mpirun" : ""};
  bool const open_mpi = mpi_library().find("Open MPI") != std::string::npos;
  std::vector<std::string> const speaks =
      open_mpi ? std::vector<std::string>{"pmix"} : std::vector<std::string>{"pmi2", "pmix"};
  std::istringstream listed(slurm::mpi_plugins());
  std::vector<std::string> const known{std::istream_iterator<std::string>(listed), {}};
  std::vector<std::string> ways;
  for (std::string const& way : speaks)
    if (std::find(known.begin(), known.end(), way) != known.end()) ways.push_back(way);
  ways.emplace_back("mpirun");
  return ways;
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

Shares shares_of(std::int64_t ranks, std::int64_t together, std::vector<std::string> const& srun_args) {
  std::int64_t const tasks = in_slurm_job() ? number_in("SLURM_NTASKS") : 0;
  if (ranks == 0) ranks = std::max<std::int64_t>(1, tasks / together);
  std::string const asked = "--together " + std::to_string(together) + " --ranks " + std::to_string(ranks);
  if (tasks > 0 && ranks * together > tasks)
    throw Invalid(Exit::usage, asked,
                  std::to_string(ranks * together) + " ranks, and the job has " + std::to_string(tasks) + " tasks",
                  "ask for fewer, or for a larger job");
  Shares shares{ranks, together, ways_of(ranks), {}, srun_args};
  bool const by_srun = shares.ways.front().rfind("pmi", 0) == 0;
  if (by_srun || together == 1) return shares;
  if (in_slurm_job() && number_in("SLURM_JOB_NUM_NODES") > 1)
    throw Invalid(Exit::usage, asked, "srun has no PMI here, and mpirun would start all of them on the first node",
                  "leave --together out, or use bsft sweep submit");
  cpu_set_t mine;
  if (::sched_getaffinity(0, sizeof mine, &mine) == 0) shares.cpus = parts_of(mine, static_cast<std::size_t>(together));
  return shares;
}

std::vector<std::string> start_words(Shares const& shares, std::string const& config) {
  std::vector<std::string> words{"launch", "--"};
  std::string const& way = shares.ways.front();
  std::string const ranks = std::to_string(shares.ranks);
  if (way == "mpirun") {
    words.insert(words.end(), {"mpirun", "-np", ranks});
    if (!shares.cpus.empty()) words.insert(words.end(), {"--bind-to", "none"});
  } else if (!way.empty()) {
    words.insert(words.end(), {"srun", "--unbuffered", "--kill-on-bad-exit=1", "--mpi=" + way, "--ntasks=" + ranks});
    if (shares.together > 1) words.emplace_back("--exact");
    if (std::getenv("SLURM_GPUS_PER_NODE") != nullptr) words.emplace_back("--gpu-bind=none");
    words.insert(words.end(), shares.srun_args.begin(), shares.srun_args.end());
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
