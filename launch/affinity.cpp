#include "launch/affinity.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "data/base/error.hpp"

namespace bsft {
namespace {

std::vector<int> own_mask() {
  for (int most = 1024; most <= (1 << 20); most *= 2) {
    cpu_set_t* const mask = CPU_ALLOC(static_cast<std::size_t>(most));
    std::size_t const bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    CPU_ZERO_S(bytes, mask);
    int const failed = ::sched_getaffinity(0, bytes, mask) == 0 ? 0 : errno;
    std::vector<int> cpus;
    for (int cpu = 0; failed == 0 && cpu < most; ++cpu)
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, mask)) cpus.push_back(cpu);
    CPU_FREE(mask);
    if (failed == 0) return cpus;
    if (failed != EINVAL) throw Failed(Exit::unavailable, "sched_getaffinity", std::strerror(failed));
  }
  throw Failed(Exit::unavailable, "sched_getaffinity", "more CPUs than a million");
}

// Cores by the CPUs that the kernel says share one; every CPU is one where it says nothing.
int cores_of(int online) {
  std::set<std::string> cores;
  for (int cpu = 0; cpu < online; ++cpu) {
    std::string siblings;
    std::ifstream("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list") >> siblings;
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

std::string plural(std::int64_t count, std::string const& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

// "rank 0", "ranks 0, 1, 2, 3 and 4 more"
std::string names_of(std::vector<RankCpus const*> const& ranks) {
  constexpr std::size_t shown = 4;
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < std::min(shown, ranks.size()); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(ranks[i]->rank);
  if (ranks.size() > shown) text += " and " + std::to_string(ranks.size() - shown) + " more";
  return text;
}

int ranks_on(std::vector<RankCpus> const& ranks, Host const& host) {
  return static_cast<int>(
      std::count_if(ranks.begin(), ranks.end(), [&](RankCpus const& rank) { return rank.host.id == host.id; }));
}

// What to type so that each rank gets `threads` CPUs of its own, or fewer threads where the host has not enough.
std::string advice_for(RankCpus const& rank, int ranks_here, int threads, Launcher launcher) {
  std::string const n = std::to_string(threads);
  if (ranks_here * threads > rank.online) {
    int const fair = rank.online / ranks_here;
    return fair >= 1 ? "set train.threads_per_rank: " + std::to_string(fair) +
                           ", which the host has CPUs for, and free the ranks: mpirun --bind-to none, or "
                           "srun --cpu-bind=none"
                     : "start fewer ranks on the host, or expect them to take turns";
  }
  std::string const mpirun = "mpirun --map-by slot:PE=" + n + " --bind-to core" +
                             (ranks_here * threads > rank.cores ? " --use-hwthread-cpus" : "");
  std::string const srun = "srun --cpus-per-task=" + n;
  if (launcher == Launcher::mpirun) return "start it with " + mpirun;
  if (launcher == Launcher::srun) return "start it with " + srun;
  if (launcher == Launcher::hand) return "start it without taskset or numactl, or lower train.threads_per_rank";
  return "start it with " + mpirun + ", or " + srun;
}

std::string turns(int threads, int fair) {
  int const fewer = std::max(1, fair);
  if (fewer >= threads) return "they take turns";
  return std::string("they take turns; ") + (fair >= 1 ? "not" : "less so") +
         " with train.threads_per_rank: " + std::to_string(fewer);
}

bool overlap(std::vector<int> const& a, std::vector<int> const& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

// Ranks of one host whose masks overlap, also by way of a third.
std::vector<std::vector<RankCpus const*>> sharing(std::vector<RankCpus> const& ranks) {
  struct Group {
    std::string host;
    std::set<int> cpus;
    std::vector<RankCpus const*> members;
  };
  std::vector<Group> groups;
  for (RankCpus const& rank : ranks) {
    Group joined{rank.host.id, {rank.cpus.begin(), rank.cpus.end()}, {}};
    std::vector<Group> others;
    for (Group& group : groups) {
      std::vector<int> const theirs(group.cpus.begin(), group.cpus.end());
      if (group.host != rank.host.id || !overlap({joined.cpus.begin(), joined.cpus.end()}, theirs)) {
        others.push_back(std::move(group));
        continue;
      }
      joined.cpus.insert(theirs.begin(), theirs.end());
      joined.members.insert(joined.members.end(), group.members.begin(), group.members.end());
    }
    joined.members.push_back(&rank);
    others.push_back(std::move(joined));
    groups = std::move(others);
  }
  std::vector<std::vector<RankCpus const*>> out;
  for (Group const& group : groups) out.push_back(group.members);
  return out;
}

std::set<int> union_of(std::vector<RankCpus const*> const& ranks) {
  std::set<int> cpus;
  for (RankCpus const* rank : ranks) cpus.insert(rank->cpus.begin(), rank->cpus.end());
  return cpus;
}

}  // namespace

std::string cpu_list(std::vector<int> const& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(cpus[i]);
    if (last > i) text += "-" + std::to_string(cpus[last]);
    i = last + 1;
  }
  return text;
}

std::vector<int> from_list(std::string const& list) {
  std::vector<int> cpus;
  std::istringstream text(list);
  for (std::string part; std::getline(text, part, ',');) {
    int first = 0, last = 0;
    auto const* const end = part.data() + part.size();
    auto const read = std::from_chars(part.data(), end, first);
    last = first;
    if (read.ptr != end) std::from_chars(read.ptr + 1, end, last);
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

RankCpus cpus_here(int rank) {
  int const online = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  return {rank, this_host(), online, cores_of(online), own_mask()};
}

std::string to_line(RankCpus const& cpus) {
  return std::to_string(cpus.rank) + "\t" + std::to_string(cpus.online) + "\t" + std::to_string(cpus.cores) + "\t" +
         cpu_list(cpus.cpus) + "\t" + cpus.host.id + "\t" + cpus.host.name;
}

RankCpus cpus_from(std::string const& line) {
  std::istringstream text(line);
  RankCpus cpus;
  std::string list;
  text >> cpus.rank >> cpus.online >> cpus.cores >> list >> cpus.host.id >> cpus.host.name;
  cpus.cpus = from_list(list);
  return cpus;
}

std::vector<RankCpus> cpus_from(std::vector<std::string> const& lines) {
  std::vector<RankCpus> ranks;
  for (std::string const& line : lines) ranks.push_back(cpus_from(line));
  return ranks;
}

std::vector<ThreadFinding> judge_threads(std::vector<RankCpus> const& ranks, int threads, Launcher launcher) {
  std::vector<ThreadFinding> findings;
  if (threads == 0) return findings;                             // as many as fit
  std::map<std::string, std::vector<RankCpus const*>> short_of;  // by advice
  for (RankCpus const& rank : ranks) {
    if (static_cast<int>(rank.cpus.size()) >= threads) continue;
    short_of[advice_for(rank, ranks_on(ranks, rank.host), threads, launcher)].push_back(&rank);
  }
  for (auto const& [advice, cramped] : short_of) {
    RankCpus const& first = *cramped.front();
    findings.push_back({true,
                        names_of(cramped) + ": " + plural(threads, "thread") + " on " +
                            plural(static_cast<std::int64_t>(first.cpus.size()), "CPU") + " (" + first.host.name +
                            " lets rank " + std::to_string(first.rank) + " use " + cpu_list(first.cpus) + ")",
                        advice});
  }
  if (!findings.empty()) return findings;  // the other would say the same again
  for (std::vector<RankCpus const*> const& group : sharing(ranks)) {
    std::set<int> const cpus = union_of(group);
    auto const wanted = static_cast<std::int64_t>(group.size()) * threads;
    if (group.size() < 2 || wanted <= static_cast<std::int64_t>(cpus.size())) continue;
    RankCpus const& first = *group.front();
    int const here = ranks_on(ranks, first.host);
    bool const fits = static_cast<std::int64_t>(here) * threads <= first.online;
    findings.push_back({fits,
                        names_of(group) + " share " + plural(static_cast<std::int64_t>(cpus.size()), "CPU") + " of " +
                            first.host.name + " (" + cpu_list({cpus.begin(), cpus.end()}) + ") for " +
                            plural(wanted, "thread"),
                        fits ? advice_for(first, here, threads, launcher) : turns(threads, first.online / here)});
  }
  return findings;
}

int threads_of(std::vector<RankCpus> const& ranks, int rank, int threads) {
  if (threads > 0) return threads;
  for (std::vector<RankCpus const*> const& group : sharing(ranks)) {
    bool const mine = std::any_of(group.begin(), group.end(), [rank](auto const* one) { return one->rank == rank; });
    if (!mine) continue;
    auto const each = union_of(group).size() / group.size();
    auto const own = std::find_if(group.begin(), group.end(), [rank](auto const* one) { return one->rank == rank; });
    return std::max(1, static_cast<int>(std::min(each, (*own)->cpus.size())));
  }
  return 1;
}

}  // namespace bsft
