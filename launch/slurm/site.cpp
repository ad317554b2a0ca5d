#include "launch/slurm/site.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <variant>

#include "data/base/error.hpp"
#include "trainer/config/resolve.hpp"
#include "trainer/config/scalar.hpp"

namespace bsft::slurm {

namespace fs = std::filesystem;

namespace {

struct SiteKey {
  char const* name;
  std::variant<std::string Site::*, std::int64_t Site::*, std::vector<std::string> Site::*> member;
  std::int64_t least = 0;  // of a number
};

std::vector<SiteKey> const& site_keys() {
  static std::vector<SiteKey> const table = {{"account", &Site::account},
                                             {"partition", &Site::partition},
                                             {"time", &Site::time},
                                             {"nodes", &Site::nodes, 1},
                                             {"tasks_per_node", &Site::tasks_per_node},
                                             {"gpus_per_node", &Site::gpus_per_node},
                                             {"cpus_per_task", &Site::cpus_per_task, 1},
                                             {"signal_seconds", &Site::signal_seconds},
                                             {"array_parallelism", &Site::array_parallelism, 1},
                                             {"mpi", &Site::mpi},
                                             {"mail_user", &Site::mail_user},
                                             {"modules", &Site::modules},
                                             {"setup", &Site::setup},
                                             {"sbatch_args", &Site::sbatch_args},
                                             {"srun_args", &Site::srun_args},
                                             {"evaluator_partition", &Site::evaluator_partition},
                                             {"evaluator_gpus", &Site::evaluator_gpus}};
  return table;
}

constexpr std::int64_t most = 1'000'000;  // nodes, tasks, seconds
std::vector<std::string> const ways = {"auto", "pmix", "pmi2", "mpirun"};

std::string range_problem(SiteKey const& key, std::int64_t value) {
  if (value >= key.least && value <= most) return {};
  return one_line(std::to_string(value), "out of range",
                  "allowed: " + std::to_string(key.least) + " … " + std::to_string(most));
}

std::string read(SiteKey const& key, YamlNode const& node, std::string& member) {
  std::string value;
  if (std::string problem = read_scalar(node, value); !problem.empty()) return problem;
  if (std::string(key.name) == "mpi" && std::find(ways.begin(), ways.end(), value) == ways.end())
    return one_line(value, "one of " + joined(ways), "");
  member = value;
  return {};
}

std::string read(SiteKey const& key, YamlNode const& node, std::int64_t& member) {
  std::int64_t value = 0;
  if (std::string problem = read_scalar(node, value); !problem.empty()) return problem;
  if (std::string problem = range_problem(key, value); !problem.empty()) return problem;
  member = value;
  return {};
}

std::string read(SiteKey const&, YamlNode const& node, std::vector<std::string>& member) {
  if (node.kind != YamlNode::Kind::list) return one_line("wrong type", "a list is expected", "write [], or [a, b]");
  std::vector<std::string> values;
  for (Yaml const& item : node.items) {
    std::string value;
    if (std::string problem = read_scalar(*item, value); !problem.empty()) return problem;
    values.push_back(value);
  }
  member = values;
  return {};
}

}  // namespace

std::int64_t Site::tasks_of_node() const {
  return tasks_per_node > 0 ? tasks_per_node : std::max<std::int64_t>(1, gpus_per_node);
}

std::optional<std::int64_t> Site::limit_seconds() const {
  auto const dash = time.find('-');
  bool const days = dash != std::string::npos;
  std::string const clock = days ? time.substr(dash + 1) : time;
  std::vector<std::int64_t> parts;
  auto const take = [&](std::string const& text) {
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool const good = error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= most;
    if (good) parts.push_back(value);
    return good;
  };
  if (days && !take(time.substr(0, dash))) return std::nullopt;
  std::istringstream fields(clock);
  for (std::string field; std::getline(fields, field, ':');)
    if (!take(field)) return std::nullopt;
  std::size_t const count = parts.size();
  if (days && count >= 2 && count <= 4) {
    parts.resize(4);
    return ((parts[0] * 24 + parts[1]) * 60 + parts[2]) * 60 + parts[3];
  }
  if (days || count == 0 || count > 3) return std::nullopt;
  if (count < 3) return parts[0] * 60 + (count == 2 ? parts[1] : 0);
  return (parts[0] * 60 + parts[1]) * 60 + parts[2];
}

void take_site(YamlNode const& map, Site& site, std::vector<std::string>& findings) {
  std::vector<std::string> names;
  for (SiteKey const& key : site_keys()) names.emplace_back(key.name);
  if (map.kind == YamlNode::Kind::none || map.kind == YamlNode::Kind::null) return;
  if (map.kind != YamlNode::Kind::map) {
    findings.push_back(finding(map.place, "not a map", "a site's values are expected", "write key: value"));
    return;
  }
  for (YamlNode::Entry const& entry : map.entries) {
    auto const key = std::find_if(site_keys().begin(), site_keys().end(),
                                  [&](SiteKey const& known) { return entry.key == known.name; });
    if (key == site_keys().end()) {
      std::string const near = nearest(entry.key, names);
      findings.push_back(finding(entry.place, "unknown key " + entry.key, "a site has " + joined(names),
                                 near.empty() ? "" : "did you mean " + near + "?"));
      continue;
    }
    std::string const problem =
        std::visit([&](auto member) { return read(*key, *entry.value, site.*member); }, key->member);
    if (!problem.empty()) findings.push_back(finding(entry.value->place, entry.key + ": " + problem));
  }
}

Site read_site(fs::path const& file) {
  std::vector<std::string> findings;
  Yaml const document = read_yaml(file, findings);
  Site site;
  take_site(*document, site, findings);
  if (!findings.empty()) throw Findings(Exit::config, findings);
  return site;
}

Site site_of(fs::path const& file) {
  fs::path const usual = "slurm/site.yaml";
  if (!file.empty()) return read_site(file);
  return fs::exists(usual) ? read_site(usual) : Site{};
}

void set_option(Site& site, std::string const& option, std::string const& value) {
  std::string name = option;
  std::replace(name.begin(), name.end(), '-', '_');
  YamlNode node;
  node.kind = YamlNode::Kind::scalar;
  node.text = value;
  for (SiteKey const& key : site_keys()) {
    if (name != key.name) continue;
    std::string const problem = std::visit([&](auto member) { return read(key, node, site.*member); }, key.member);
    if (!problem.empty()) throw Invalid(Exit::usage, "--" + option + ": " + problem);
    return;
  }
  ensure(false, "an option of bsft submit is a key of slurm/site.yaml");
}

}  // namespace bsft::slurm
