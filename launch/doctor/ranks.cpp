#include "launch/doctor/ranks.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <utility>

#include "kernels/run/cpu.hpp"
#include "launch/doctor/versions.hpp"
#include "trainer/comm/gpu_layout.hpp"
#include "trainer/comm/gpus.hpp"

namespace bsft::doctor {
namespace {

namespace fs = std::filesystem;

// Ranks by machine, in the order of their first.
std::vector<std::vector<RankFacts const*>> by_host(std::vector<RankFacts> const& facts) {
  std::vector<std::vector<RankFacts const*>> hosts;
  for (RankFacts const& one : facts) {
    auto const same = std::find_if(hosts.begin(), hosts.end(),
                                   [&](auto const& host) { return host.front()->cpus.host.id == one.cpus.host.id; });
    if (same == hosts.end())
      hosts.push_back({&one});
    else
      same->push_back(&one);
  }
  return hosts;
}

std::string place_of(RankFacts const& facts) {
  return "rank " + std::to_string(facts.rank) + " on " + facts.cpus.host.name;
}

// The first rank whose `member` is not the usual one (what most have; rank 0's where none has more), and that one.
std::pair<RankFacts const*, std::string> odd_one(std::vector<RankFacts> const& facts, std::string RankFacts::*member) {
  std::map<std::string, int> counts;
  for (RankFacts const& one : facts) ++counts[one.*member];
  if (counts.size() < 2) return {nullptr, ""};
  std::string usual = facts.front().*member;
  for (auto const& [value, count] : counts)
    if (count > counts[usual]) usual = value;
  auto const odd = std::find_if(facts.begin(), facts.end(), [&](auto const& one) { return one.*member != usual; });
  return {&*odd, usual};
}

std::string launcher_words(Environment const& environment) {
  auto const promised = expected_world(environment);
  std::string const by = promised ? " (" + promised->source + "=" + std::to_string(promised->ranks) + ")" : "";
  switch (launcher_of(environment)) {
    case Launcher::mpirun:
      return "mpirun of Open MPI" + by;
    case Launcher::srun:
      return "srun" + by;
    case Launcher::mpiexec:
      return "mpiexec by PMI" + by;
    case Launcher::pmix:
      return "a PMIx launcher";
    case Launcher::hand:
      return promised ? "by hand inside a Slurm job" + by : "by hand, no launcher";
  }
  return "";
}

Finding gpus_of_host(std::vector<RankFacts const*> const& ranks, bool needed) {
  RankFacts const& first = *ranks.front();
  Finding finding{"GPUs of " + first.cpus.host.name, "none", needed ? Verdict::fail : Verdict::note,
                  needed ? "ask the launcher for GPUs, or set parallel.backend: mpi" : "", Exit::unavailable};
  if (!first.gpu_error.empty()) {
    finding.found = first.gpu_error;
    finding.verdict = needed ? Verdict::fail : Verdict::warning;
    finding.advice = "nvidia-smi on that host says more";
  } else if (!first.gpus.empty()) {
    finding.found = std::to_string(first.gpus.size()) + " × " + first.gpus.front().name + ":";
    for (Gpu const& gpu : first.gpus) finding.found += " " + gpu.bus_id;
    finding.verdict = Verdict::ok;
    finding.advice = "";
  }
  finding.numbers = {{"count", first.gpus.size()}};
  return finding;
}

}  // namespace

RankFacts facts_here(int rank, std::string const& data) {
  RankFacts facts;
  facts.rank = rank;
  facts.cpus = cpus_here(rank);
  facts.program = program_identity();
  facts.instruction = run::name(run::cpu_set());
  try {
    facts.gpus = visible_gpus();
  } catch (std::exception const& error) {
    facts.gpu_error = error.what();
  }
  std::error_code none;
  if (!data.empty() && fs::is_regular_file(data, none))
    facts.data_bytes = static_cast<std::int64_t>(fs::file_size(data, none));
  return facts;
}

std::string to_text(RankFacts const& facts) {
  Json gpus = Json::array();
  for (Gpu const& gpu : facts.gpus) gpus.push_back({gpu.name, gpu.bus_id, gpu.bytes});
  return Json{{"rank", facts.rank},
              {"cpus", to_line(facts.cpus)},
              {"program", facts.program},
              {"instruction", facts.instruction},
              {"gpus", gpus},
              {"gpu_error", facts.gpu_error},
              {"data_bytes", facts.data_bytes}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

RankFacts facts_from(std::string const& text) {
  Json const json = parse_json(text, "a rank's facts");
  RankFacts facts;
  facts.rank = json.at("rank");
  facts.cpus = cpus_from(json.at("cpus").get<std::string>());
  facts.program = json.at("program");
  facts.instruction = json.at("instruction");
  for (Json const& gpu : json.at("gpus")) facts.gpus.push_back({gpu.at(0), gpu.at(1), gpu.at(2)});
  facts.gpu_error = json.at("gpu_error");
  facts.data_bytes = json.at("data_bytes");
  return facts;
}

std::vector<Finding> judge_world(World const& world, std::vector<RankFacts> const& facts) {
  std::vector<Finding> findings;
  findings.push_back({"started by", launcher_words(world.environment)});
  Finding size{"ranks", std::to_string(world.ranks) + " seen by MPI"};
  if (world.mpi_library.empty()) size.found = "1, without MPI";
  size.numbers = {{"ranks", world.ranks}};
  try {
    check_world(world.ranks, world.environment, world.mpi_library.empty() ? "not started" : world.mpi_library);
  } catch (Unavailable const& error) {
    size = failure(size.check, error);
  }
  findings.push_back(size);
  auto const pmix = world.environment.find("PMIX_NAMESPACE");
  auto const version = world.environment.find("PMIX_VERSION");
  std::string const said = version == world.environment.end() ? "" : " " + version->second;
  findings.push_back(
      {"PMIx server", pmix == world.environment.end() ? "none" : "PMIx" + said + ", namespace " + pmix->second,
       pmix == world.environment.end() && launcher_of(world.environment) == Launcher::srun ? Verdict::note
                                                                                           : Verdict::ok,
       pmix == world.environment.end() && launcher_of(world.environment) == Launcher::srun
           ? "srun --mpi=pmix where srun --mpi=list has it"
           : ""});
  if (!world.thread_level.empty()) {
    bool const multiple = world.thread_level == "MPI_THREAD_MULTIPLE";
    findings.push_back({"MPI threads", world.thread_level, multiple ? Verdict::ok : Verdict::note,
                        multiple ? "" : "sums wait for the backward pass: use an MPI with MPI_THREAD_MULTIPLE"});
  }
  std::string hosts;
  auto const all = by_host(facts);
  constexpr std::size_t shown = 8;
  for (std::size_t i = 0; i < std::min(shown, all.size()); ++i)
    hosts += (i == 0 ? "" : ", ") + all[i].front()->cpus.host.name + " " + std::to_string(all[i].size());
  if (all.size() > shown) hosts += " and " + std::to_string(all.size() - shown) + " more";
  findings.push_back({"ranks a host", hosts});
  findings.back().numbers = {{"hosts", all.size()}};
  return findings;
}

Finding judge_plugins(std::string const& listing) {
  std::istringstream lines(listing.substr(std::min(listing.find('\n'), listing.size())));
  std::string names;
  bool pmix = false;
  for (std::string name; lines >> name;) {
    if (name == "specific") break;  // "specific pmix plugin versions available: pmix_v4"
    names += (names.empty() ? "" : ", ") + name;
    pmix = pmix || name.rfind("pmix", 0) == 0;
  }
  Finding finding{"srun --mpi=list", names.empty() ? "nothing" : names};
  if (!pmix) {
    finding.verdict = Verdict::warning;
    finding.advice = "srun has no PMIx, and would start jobs of one rank: use mpirun in the job, as slurm/train.sbatch";
  }
  return finding;
}

Finding judge_programs(std::vector<RankFacts> const& facts) {
  auto const [odd, most] = odd_one(facts, &RankFacts::program);
  if (odd != nullptr)
    return {"bsft on all ranks", place_of(*odd) + " has " + odd->program + ", others have " + most, Verdict::fail,
            "install the same file on all hosts"};
  auto const [slow, usual] = odd_one(facts, &RankFacts::instruction);
  if (slow != nullptr)
    return {"bsft on all ranks",
            facts.front().program + "; " + place_of(*slow) + " computes with " + slow->instruction + ", others with " +
                usual,
            Verdict::note, "the slowest host sets the pace, and libtorch's products may round otherwise there"};
  return {"bsft on all ranks", facts.front().program};
}

std::vector<Finding> judge_gpus(std::vector<RankFacts> const& facts, int trainers, bool needed) {
  std::vector<Finding> findings;
  std::vector<RankGpu> taken;
  for (std::vector<RankFacts const*> const& host : by_host(facts)) {
    findings.push_back(gpus_of_host(host, needed));
    int place = 0;
    for (RankFacts const* rank : host) {
      if (rank->rank >= trainers) continue;
      int const gpu = gpu_of(place++, static_cast<int>(rank->gpus.size()));
      if (gpu >= 0) taken.push_back({rank->rank, rank->cpus.host, rank->gpus[static_cast<std::size_t>(gpu)].bus_id});
    }
    if (needed && !host.front()->gpus.empty() && gpu_of(place - 1, static_cast<int>(host.front()->gpus.size())) < 0)
      findings.push_back({"GPU a rank",
                          std::to_string(place) + " trainer ranks on " + host.front()->cpus.host.name + " with " +
                              std::to_string(host.front()->gpus.size()) + " GPUs",
                          Verdict::fail, "start one trainer rank a GPU"});
  }
  if (taken.empty()) return findings;
  for (std::vector<RankFacts const*> const& host : by_host(facts)) {
    bool const bound =
        host.size() > 1 &&
        std::all_of(host.begin(), host.end(), [](RankFacts const* rank) { return rank->gpus.size() == 1; }) &&
        host[0]->gpus[0].bus_id != host[1]->gpus[0].bus_id;
    if (!bound) continue;
    findings.push_back({"GPUs that a rank sees", "one, not its neighbours' on " + host.front()->cpus.host.name,
                        Verdict::note,
                        "NCCL may copy through the host then: srun --gpus-per-node=N --gpu-bind=none, no "
                        "CUDA_VISIBLE_DEVICES a rank"});
    break;
  }
  Finding shared{"one rank a GPU", "yes"};
  try {
    refuse_shared_gpus(taken);
  } catch (Unavailable const& error) {
    shared = failure(shared.check, error);
    if (!needed) shared.verdict = Verdict::note;
  }
  findings.push_back(shared);
  return findings;
}

std::vector<Finding> judge_cpus(std::vector<RankFacts> const& facts, int threads, Launcher launcher) {
  std::vector<Finding> findings;
  std::vector<RankCpus> ranks;
  for (RankFacts const& one : facts) ranks.push_back(one.cpus);
  auto const hosts = by_host(facts);
  constexpr std::size_t shown = 4;
  for (std::size_t h = 0; h < std::min(shown, hosts.size()); ++h) {
    RankCpus const& first = hosts[h].front()->cpus;
    std::string masks;
    for (std::size_t i = 0; i < std::min(shown, hosts[h].size()); ++i) {
      std::string const mask = cpu_list(hosts[h][i]->cpus.cpus);
      masks += (i == 0 ? "" : " | ") + mask;
    }
    if (hosts[h].size() > shown) masks += " | …";
    findings.push_back(
        {"CPUs of " + first.host.name,
         std::to_string(first.online) + " in " + std::to_string(first.cores) + " cores; ranks may use " + masks});
    findings.back().numbers = {{"cpus", first.online}, {"cores", first.cores}};
  }
  std::string const each = threads == 0 ? std::to_string(threads_of(ranks, 0, 0)) + " on rank 0, by its CPUs"
                                        : std::to_string(threads) + " a rank";
  std::vector<ThreadFinding> const judged = judge_threads(ranks, threads, launcher);
  if (judged.empty()) findings.push_back({"threads", each + ": they fit"});
  for (ThreadFinding const& finding : judged)
    findings.push_back({"threads", finding.found, finding.warning ? Verdict::warning : Verdict::note, finding.advice});
  return findings;
}

}  // namespace bsft::doctor
