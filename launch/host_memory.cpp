#include "launch/host_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "data/base/error.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
constexpr double share = 0.95;

// The number in a file of one number; `otherwise` where there is none ("max").
std::int64_t number_in(fs::path const& file, std::int64_t otherwise) {
  std::int64_t number = 0;
  std::ifstream in(file);
  return in >> number ? number : otherwise;
}

// The number after `key` in lines of "key number".
std::int64_t number_after(std::string const& key, fs::path const& file, std::int64_t otherwise) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    std::int64_t number = 0;
    if (words >> word && word == key && words >> number) return number;
  }
  return otherwise;
}

struct GroupFiles {
  char const *limit, *used, *droppable;
};

// What the group has left, and each group above it, up to `top`.
std::int64_t left_in(fs::path const& top, fs::path const& group, GroupFiles const& files) {
  std::int64_t left = unlimited;
  for (fs::path here = group.relative_path();; here = here.parent_path()) {
    fs::path const folder = top / here;
    std::int64_t const limit = number_in(folder / files.limit, unlimited);
    if (limit != unlimited) {
      std::int64_t const used = number_in(folder / files.used, 0);
      left = std::min(left, limit - used + number_after(files.droppable, folder / "memory.stat", 0));
    }
    if (here.empty()) return left;
  }
}

std::int64_t mebibytes(std::int64_t bytes) { return bytes >> 20; }

}  // namespace

std::int64_t available_memory(fs::path const& root) {
  std::int64_t const kibibytes = number_after("MemAvailable:", root / "proc/meminfo", unlimited);
  std::int64_t available = kibibytes == unlimited ? unlimited : kibibytes << 10;
  fs::path const groups = root / "sys/fs/cgroup";
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // "0::/path" of version 2, "4:memory:/path" of version 1
    std::size_t const first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string const kind = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (kind.empty())
      available = std::min(available, left_in(groups, path, {"memory.max", "memory.current", "inactive_file"}));
    else if (("," + kind + ",").find(",memory,") != std::string::npos)
      available = std::min(
          available,
          left_in(groups / "memory", path, {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}));
  }
  return available;
}

ResidentMemory resident_memory(fs::path const& root) {
  fs::path const status = root / "proc/self/status";
  return {number_after("VmRSS:", status, 0) << 10, number_after("VmHWM:", status, 0) << 10};
}

std::string to_line(RankMemory const& memory) {
  return OrderedJson{memory.rank, memory.host.name, memory.host.id, memory.wanted, memory.available}.dump(
      -1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::vector<RankMemory> memory_from(std::vector<std::string> const& lines) {
  std::vector<RankMemory> ranks;
  for (std::string const& line : lines) {
    Json const json = parse_json(line, "a rank's memory");
    ranks.push_back({json.at(0), {json.at(1), json.at(2)}, json.at(3), json.at(4)});
  }
  return ranks;
}

void refuse_too_little(std::vector<RankMemory> const& ranks) {
  struct Sum {
    std::string name;
    int ranks = 0;
    std::int64_t wanted = 0, available = unlimited;
  };
  std::map<std::string, Sum> hosts;
  for (RankMemory const& rank : ranks) {
    Sum& sum = hosts[rank.host.id];
    sum.name = rank.host.name;
    ++sum.ranks;
    sum.wanted += rank.wanted;
    sum.available = std::min(sum.available, rank.available);
  }
  for (auto const& [id, sum] : hosts) {
    if (static_cast<double>(sum.wanted) <= share * static_cast<double>(sum.available)) continue;
    throw Invalid(Exit::config, "the model does not fit into the memory of " + sum.name,
                  std::to_string(sum.ranks) + (sum.ranks == 1 ? " rank takes " : " ranks take ") +
                      std::to_string(mebibytes(sum.wanted)) + " MiB before any activation, " +
                      std::to_string(mebibytes(sum.available)) + " MiB are available",
                  "use more hosts with fewer ranks each, parallel.zero: 3, or a smaller model");
  }
}

}  // namespace bsft
