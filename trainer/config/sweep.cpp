#include "trainer/config/sweep.hpp"

#include <algorithm>
#include <functional>

#include "data/base/error.hpp"
#include "trainer/config/keys.hpp"
#include "trainer/config/resolve.hpp"
#include "trainer/config/scalar.hpp"

namespace bsft {
namespace {

using Settings = std::vector<Setting>;
// One dimension of the product: each choice sets some keys, and may have a name.
struct Choice {
  Settings settings;
  std::string name;
};
using Axis = std::vector<Choice>;
constexpr char const* seed_key = "run.seed";
constexpr char const* all_keys = "base, arms, grid, pairs, seeds, exclude, metric, halving, slurm";

struct Exclusion {
  Place place;
  std::vector<std::pair<std::string, std::string>> values;  // key, value as written
  bool used = false;
};

struct SweepFile {
  std::string base, metric;
  Place base_place, metric_place;
  std::vector<Axis> axes;
  std::vector<Exclusion> exclusions;
  Halving halving;
  Place halving_place;
  Yaml slurm;
};

class Reader {
 public:
  explicit Reader(std::vector<std::string>& findings) : findings_(findings) {}

  SweepFile read(YamlNode const& document, std::string const& file) {
    SweepFile sweep;
    sweep.base_place = {file, 0, 0};
    if (document.kind != YamlNode::Kind::map) {
      findings_.push_back(finding(sweep.base_place, "not a sweep", std::string("keys ") + all_keys + " are expected"));
      return sweep;
    }
    Axis arms, pairs, seeds;
    for (YamlNode::Entry const& entry : document.entries) {
      YamlNode const& value = *entry.value;
      if (entry.key == "base") {
        text(entry, sweep.base);
        sweep.base_place = value.place;
      } else if (entry.key == "metric") {
        text(entry, sweep.metric);
        sweep.metric_place = value.place;
      } else if (entry.key == "arms") {
        refuse(value.kind != YamlNode::Kind::map || value.entries.empty(), value.place, "arms",
               "a map of name: {key: value} is expected", "");
        for (YamlNode::Entry const& arm : value.entries) arms.push_back({settings(*arm.value, "arms"), arm.key});
      } else if (entry.key == "grid") {
        for (YamlNode::Entry const& axis : value.entries) sweep.axes.push_back(grid_axis(axis));
        refuse(value.kind != YamlNode::Kind::map, value.place, "grid", "a map of key: [values]", "");
      } else if (entry.key == "pairs") {
        refuse(value.kind != YamlNode::Kind::list || value.items.empty(), value.place, "pairs",
               "a list of maps of keys", "");
        for (Yaml const& item : value.items) pairs.push_back({settings(*item, "pairs"), ""});
      } else if (entry.key == "seeds") {
        seeds = values(seed_key, value, "seeds");
      } else if (entry.key == "exclude") {
        refuse(value.kind != YamlNode::Kind::list || value.items.empty(), value.place, "exclude",
               "a list of maps of keys", "write [{key: value, …}]");
        for (Yaml const& item : value.items) sweep.exclusions.push_back(exclusion(*item));
      } else if (entry.key == "halving") {
        sweep.halving = halving(value);
        sweep.halving_place = value.place;
      } else if (entry.key == "slurm") {
        refuse(value.kind != YamlNode::Kind::map, value.place, "slurm", "a map of key: value is expected", "");
        sweep.slurm = entry.value;
      } else {
        unknown(entry);
      }
    }
    refuse(sweep.base.empty(), sweep.base_place, "base is missing", "the configuration that all arms share",
           "write base: FILE.yaml");
    if (!arms.empty()) sweep.axes.insert(sweep.axes.begin(), std::move(arms));
    if (!pairs.empty()) sweep.axes.push_back(std::move(pairs));
    if (!seeds.empty()) sweep.axes.push_back(std::move(seeds));
    return sweep;
  }

 private:
  void refuse(bool wrong, Place const& place, std::string const& what, std::string const& why, std::string const& fix) {
    if (wrong) findings_.push_back(finding(place, what, why, fix));
  }

  void text(YamlNode::Entry const& entry, std::string& value) { read(*entry.value, entry.key, value); }

  void unknown(YamlNode::Entry const& entry) {
    std::string const near =
        nearest(entry.key, {"base", "arms", "grid", "pairs", "seeds", "exclude", "metric", "halving", "slurm"});
    findings_.push_back(finding(entry.place, "unknown key " + entry.key, std::string("a sweep has ") + all_keys,
                                near.empty() ? "" : "did you mean " + near + "?"));
  }

  Axis values(std::string const& key, YamlNode const& list, std::string const& name) {
    Axis axis;
    refuse(list.kind != YamlNode::Kind::list || list.items.empty(), list.place, name, "a list of values is expected",
           "write [a, b]");
    for (Yaml const& item : list.items) axis.push_back({{Setting{key, item, item->place}}, ""});
    return axis;
  }

  Axis grid_axis(YamlNode::Entry const& entry) { return values(entry.key, *entry.value, entry.key); }

  Settings settings(YamlNode const& map, std::string const& what) {
    Settings settings;
    refuse(map.kind != YamlNode::Kind::map, map.place, what, "each is a map of keys", "write {key: value, …}");
    for (YamlNode::Entry const& entry : map.entries) settings.push_back({entry.key, entry.value, entry.value->place});
    return settings;
  }

  Exclusion exclusion(YamlNode const& map) {
    Exclusion all{map.place, {}};
    Settings const wanted = settings(map, "exclude");
    refuse(map.kind == YamlNode::Kind::map && wanted.empty(), map.place, "exclude", "it would leave out every run",
           "name a key and a value");
    for (Setting const& setting : wanted) all.values.emplace_back(setting.key, value_of(setting, findings_));
    return all;
  }

  Halving halving(YamlNode const& map) {
    Halving result;
    refuse(map.kind != YamlNode::Kind::map, map.place, "halving", "a map is expected", "write {rungs: [STEP, …]}");
    for (YamlNode::Entry const& entry : map.entries) {
      if (entry.key == "rungs") {
        for (Yaml const& item : entry.value->items) read(*item, "rungs", result.rungs.emplace_back());
        std::vector<std::int64_t> const& rungs = result.rungs;
        bool const ascend = std::adjacent_find(rungs.begin(), rungs.end(), std::greater_equal<>()) == rungs.end();
        refuse(rungs.empty() || !ascend || rungs.front() < 1, entry.value->place, "rungs",
               "a list of steps is expected, ascending", "write [400, 800]");
      } else if (entry.key == "keep") {
        read(*entry.value, "keep", result.keep);
        refuse(!(result.keep > 0 && result.keep < 1), entry.value->place, "keep: " + write_scalar(result.keep),
               "out of range", "allowed: more than 0, less than 1");
      } else {
        findings_.push_back(finding(entry.place, "unknown key " + entry.key, "halving has rungs, keep"));
      }
    }
    return result;
  }

  template <class Scalar>
  void read(YamlNode const& node, std::string const& name, Scalar& value) {
    std::string const problem = read_scalar(node, value);
    if (!problem.empty()) findings_.push_back(finding(node.place, name + ": " + problem));
  }

  std::vector<std::string>& findings_;
};

// Whether the run has all values of one of them; each that does is used from now on.
bool is_excluded(Config const& config, std::vector<Exclusion>& exclusions) {
  bool excluded = false;
  for (Exclusion& exclusion : exclusions) {
    auto const has = [&](auto const& value) { return written(*find_key(value.first), config) == value.second; };
    if (!std::all_of(exclusion.values.begin(), exclusion.values.end(), has)) continue;
    exclusion.used = excluded = true;
  }
  return excluded;
}

// The suite of "suites.NAME.…", empty for a metric of another part of the results.
std::string suite_in(std::string const& metric) {
  std::string const head = "suites.";
  if (metric.rfind(head, 0) != 0) return "";
  return metric.substr(head.size(), metric.find('.', head.size()) - head.size());
}

// Why an arm would have no such score, or nothing.
std::string unscored(std::string const& metric, Config const& config) {
  std::vector<std::string> const& suites = config.evaluate.suites;
  if (suites.empty()) return "evaluate.suites is empty";
  std::string const suite = suite_in(metric);
  bool const scored = suite.empty() || std::find(suites.begin(), suites.end(), suite) != suites.end();
  return scored ? "" : "suite " + suite + " is not scored";
}

// Why an arm has no score at a rung, or nothing.
std::string unscored(Halving const& halving, std::string const& metric, Config const& config) {
  std::int64_t const between = config.checkpoint.every * config.evaluate.every, last = config.train.max_steps;
  if (halving.rungs.empty()) return "";
  if (metric != config.evaluate.metric) return "the metric is not evaluate.metric, which is scored while training";
  if (config.evaluate.policy == "latest") return "evaluate.policy: latest may skip a checkpoint";
  for (std::int64_t const rung : halving.rungs) {
    std::string const step = "step " + std::to_string(rung);
    if (between == 0 || rung % between != 0)
      return step + " is not scored: no multiple of checkpoint.every x evaluate.every";
    if (last > 0 && rung >= last) return step + " is not before train.max_steps: " + std::to_string(last);
  }
  return "";
}

// Run number `index`: a digit an axis, the last axis fastest.
std::vector<Choice const*> choices_of(std::vector<Axis> const& axes, std::size_t index) {
  std::vector<Choice const*> chosen(axes.size());
  for (std::size_t a = axes.size(); a-- > 0;) {
    chosen[a] = &axes[a][index % axes[a].size()];
    index /= axes[a].size();
  }
  return chosen;
}

Settings settings_of(std::vector<Choice const*> const& choices) {
  Settings all;
  for (Choice const* choice : choices) all.insert(all.end(), choice->settings.begin(), choice->settings.end());
  return all;
}

// The names of its choices; what has none is named by its keys and values, but not the seed, nor what all share.
std::string name_of(std::vector<Axis> const& axes, std::vector<Choice const*> const& choices, Config const& config) {
  std::string name;
  auto const add = [&](std::string const& word) { name += (name.empty() ? "" : " ") + word; };
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (!choices[a]->name.empty()) add(choices[a]->name);
    if (!choices[a]->name.empty() || axes[a].size() == 1) continue;
    for (Setting const& setting : choices[a]->settings)
      if (setting.key != seed_key) add(setting.key + "=" + written(*find_key(setting.key), config));
  }
  return name;
}

void add_once(std::vector<std::string>& all, std::vector<std::string> const& more) {
  for (std::string const& line : more)
    if (std::find(all.begin(), all.end(), line) == all.end()) all.push_back(line);
}

std::size_t count_arms(std::vector<Axis> const& axes) {
  std::size_t count = 1;
  for (Axis const& axis : axes)
    if (count <= most_arms) count *= axis.size();
  return count;
}

}  // namespace

Sweep read_sweep(std::filesystem::path const& file, Files files) {
  std::vector<std::string> findings;
  Yaml const document = read_yaml(file, findings);
  if (!findings.empty()) throw Findings(Exit::config, findings);
  SweepFile sweep_file = Reader(findings).read(*document, file.string());
  std::size_t const count = count_arms(sweep_file.axes);
  if (count > most_arms)
    findings.push_back(finding({file.string(), 0, 0}, "too many arms", "at most " + std::to_string(most_arms)));
  if (!findings.empty()) throw Findings(Exit::config, findings);

  std::filesystem::path const base = (file.parent_path() / sweep_file.base).lexically_normal();
  Yaml const base_document = read_yaml(base, findings);
  if (!findings.empty()) throw Findings(Exit::config, findings);

  Sweep sweep{file.stem().string(), sweep_file.metric, {}, sweep_file.halving, sweep_file.slurm};
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::string> problems;
    std::vector<Choice const*> const choices = choices_of(sweep_file.axes, i);
    Settings const settings = settings_of(choices);
    Place const place = settings.empty() ? Place{file.string(), 0, 0} : settings.back().place;
    Arm arm;
    arm.config = resolve(base_document, base.string(), settings, files, problems);
    if (is_excluded(arm.config, sweep_file.exclusions)) continue;
    std::string const metric = sweep.metric.empty() ? arm.config.evaluate.metric : sweep.metric;
    if (std::string const lacks = unscored(metric, arm.config); problems.empty() && !lacks.empty())
      problems.push_back(finding(sweep.metric.empty() ? place : sweep_file.metric_place, "metric " + metric, lacks,
                                 "name the suite in evaluate.suites"));
    if (std::string const lacks = unscored(sweep.halving, metric, arm.config); problems.empty() && !lacks.empty())
      problems.push_back(finding(sweep_file.halving_place, "halving", lacks));
    add_once(findings, problems);
    if (!problems.empty()) continue;
    arm.digest = digest_of(arm.config);
    for (Setting const& setting : settings)
      arm.keys.emplace_back(setting.key, written(*find_key(setting.key), arm.config));
    arm.name = name_of(sweep_file.axes, choices, arm.config);
    if (arm.name.empty()) arm.name = sweep.name;
    auto const [first, fresh] = seen.emplace(arm.digest, i);
    if (!fresh)
      findings.push_back(finding(place,
                                 "arm " + std::to_string(i + 1) + " repeats arm " + std::to_string(first->second + 1),
                                 "they resolve to the same configuration", "remove one value"));
    sweep.arms.push_back(std::move(arm));
  }
  for (Exclusion const& exclusion : sweep_file.exclusions)
    if (!exclusion.used)
      findings.push_back(finding(exclusion.place, "exclude", "no run has these values", "correct it, or remove it"));
  if (findings.empty() && sweep.arms.empty())
    findings.push_back(finding({file.string(), 0, 0}, "exclude", "it leaves no run", "remove a part of it"));
  if (!findings.empty()) throw Findings(Exit::config, findings);
  if (sweep.metric.empty()) sweep.metric = sweep.arms.front().config.evaluate.metric;
  return sweep;
}

}  // namespace bsft
