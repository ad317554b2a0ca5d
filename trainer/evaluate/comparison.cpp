#include "trainer/evaluate/comparison.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/config/config.hpp"
#include "trainer/evaluate/statistics.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

// Names in the order of their first use, with their numbers.
class Names {
 public:
  std::int32_t number(std::string const& name) {
    auto const [found, fresh] = numbers_.emplace(name, static_cast<std::int32_t>(names_.size()));
    if (fresh) names_.push_back(name);
    return found->second;
  }
  std::vector<std::string> const& all() const { return names_; }

 private:
  std::map<std::string, std::int32_t> numbers_;
  std::vector<std::string> names_;
};

// One line of predictions.jsonl under the condition that is compared; label and prediction as text.
struct Line {
  std::string id, case_id, task, group, label;
  std::optional<std::string> prediction;
};

struct ScoredFolder {
  fs::path folder;
  std::string headline, arm, split, mode, data_digest;
  std::map<std::string, std::vector<std::string>> labels;  // task: declared labels
  std::vector<Line> lines;                                 // of the suite, by id
};

std::string text_at(Json const& line, char const* key, fs::path const& file) {
  auto const found = line.find(key);
  if (found == line.end() || !found->is_string()) throw Broken(file.string(), std::string("a line without ") + key);
  return found->get<std::string>();
}

ScoredFolder read_folder(fs::path const& folder, ComparisonRequest const& request) {
  fs::path const results_file = folder / "results.json", lines_file = folder / "predictions.jsonl";
  for (fs::path const& file : {results_file, lines_file})
    if (!fs::exists(file))
      throw Invalid(
          Exit::data, folder.string(), file.filename().string() + " is not there",
          "let the run end, or bsft evaluate --out " + results_file.string() + " --records-out " + lines_file.string());
  Json const results = read_json(results_file);
  ScoredFolder scored;
  try {
    scored = {folder,
              results.at("headline").get<std::string>(),
              results.at("arm").get<std::string>(),
              results.at("split").get<std::string>(),
              results.value("mode", "likelihood"),
              results.at("data_digest").get<std::string>(),
              {},
              {}};
    if (!results.at("suites").contains(request.suite))
      throw Invalid(Exit::data, folder.string(), "suite " + request.suite + " was not scored", "name another --suite");
    for (auto const& [task, score] : results.at("suites").at(request.suite).at("tasks").items())
      scored.labels[task] = score.at("labels").get<std::vector<std::string>>();
  } catch (Json::exception const& error) {
    throw Broken(results_file.string(), error.what());
  }
  std::string const condition = request.condition.empty() ? scored.headline : request.condition;
  bool found = false;
  for (Json const& line : read_json_lines(lines_file)) {
    if (!line.is_object()) throw Broken(lines_file.string(), "a line that is no object");
    Json const& suites = line.value("suites", Json::array());
    if (std::find(suites.begin(), suites.end(), request.suite) == suites.end()) continue;
    if (line.value("label", Json()).is_null()) continue;  // free text
    Line one{text_at(line, "id", lines_file),    text_at(line, "case", lines_file),  text_at(line, "task", lines_file),
             text_at(line, "group", lines_file), text_at(line, "label", lines_file), std::nullopt};
    Json const conditions = line.value("conditions", Json::object());
    if (auto const at = conditions.find(condition); at != conditions.end() && at->is_object()) {
      found = true;
      if (at->value("prediction", Json()).is_string()) one.prediction = at->at("prediction").get<std::string>();
    }
    scored.lines.push_back(std::move(one));
  }
  if (!found)
    throw Invalid(Exit::data, folder.string(), "condition " + condition + " was not scored",
                  "name another --condition");
  std::sort(scored.lines.begin(), scored.lines.end(), [](Line const& x, Line const& y) { return x.id < y.id; });
  return scored;
}

void require_alike(ScoredFolder const& one, ScoredFolder const& first) {
  auto const differ = [&](std::string const& what, std::string const& ours, std::string const& theirs) {
    if (ours != theirs)
      throw Invalid(Exit::data, one.folder.string() + " and " + first.folder.string() + " cannot be compared",
                    what + " " + ours + " and " + theirs, "score both alike");
  };
  differ("data digests", one.data_digest, first.data_digest);
  differ("splits", one.split, first.split);
  differ("modes", one.mode, first.mode);
  bool const same = std::equal(one.lines.begin(), one.lines.end(), first.lines.begin(), first.lines.end(),
                               [](Line const& x, Line const& y) { return x.id == y.id && x.label == y.label; });
  if (!same)
    differ("records", std::to_string(one.lines.size()) + " records",
           std::to_string(first.lines.size()) + " other ones");
}

// All arms' items with common numbers for tasks, groups and cases.
struct Study {
  Names tasks, groups, cases;
  std::vector<std::vector<std::string>> labels;  // [task]

  std::vector<Judged> judged(ScoredFolder const& scored) {
    std::vector<Judged> items;
    for (Line const& line : scored.lines) {
      auto const task = static_cast<std::size_t>(tasks.number(line.task));
      auto const declared = scored.labels.find(line.task);
      if (declared == scored.labels.end())
        throw Broken(scored.folder.string(), "results.json does not hold task " + line.task);
      if (task == labels.size()) labels.push_back(declared->second);
      auto const number = [&](std::string const& label) {
        auto const at = std::find(labels[task].begin(), labels[task].end(), label);
        if (at == labels[task].end())
          throw Broken(scored.folder.string(), "label " + label + " is not declared by task " + line.task);
        return static_cast<std::int32_t>(at - labels[task].begin());
      };
      items.push_back({static_cast<std::int32_t>(task), groups.number(line.group), number(line.label),
                       line.prediction ? number(*line.prediction) : -1, cases.number(line.case_id)});
    }
    return items;
  }
};

OrderedJson interval(std::optional<Interval> const& ci) {
  return ci ? OrderedJson::array({ci->low, ci->high}) : OrderedJson();
}

template <class T, class Write>
void put_nodes(OrderedJson& json, ByNode<T> const& nodes, Study const& study, Write const& write) {
  json["overall"] = nodes.overall ? write(*nodes.overall) : OrderedJson();
  json["groups"] = json["tasks"] = OrderedJson::object();
  for (std::size_t g = 0; g < nodes.groups.size(); ++g)
    if (nodes.groups[g]) json["groups"][study.groups.all()[g]] = write(*nodes.groups[g]);
  for (std::size_t t = 0; t < nodes.tasks.size(); ++t)
    if (nodes.tasks[t]) json["tasks"][study.tasks.all()[t]] = write(*nodes.tasks[t]);
}

OrderedJson pair_json(std::string const& a, std::string const& b, Comparison const& comparison, bool enough,
                      Study const& study) {
  OrderedJson json{{"a", a}, {"b", b}};
  put_nodes(json, comparison, study, [&](Difference const& one) {
    std::string const better = (one.value > 0 ? a : b) + " is better";
    return OrderedJson{{"value", one.value},
                       {"ci95", interval(one.ci95)},
                       {"only_a", one.only_a},
                       {"only_b", one.only_b},
                       {"p", one.p},
                       {"p_holm", one.p_holm},
                       {"verdict", !one.distinguishable() ? "not distinguishable"
                                   : enough               ? better
                                                          : "too few seeds for a claim"}};
  });
  return json;
}

}  // namespace

OrderedJson compare_arms(ComparisonRequest const& request) {
  std::vector<std::vector<ScoredFolder>> arms;
  for (ArmFolders const& arm : request.arms) {
    auto& folders = arms.emplace_back();
    for (fs::path const& run : arm.runs) {
      folders.push_back(read_folder(run, request));
      require_alike(folders.back(), arms.front().front());
    }
    if (folders.empty()) throw Invalid(Exit::data, "arm " + arm.name, "it has no scored run", "");
  }
  if (arms.empty()) throw Invalid(Exit::usage, "nothing to compare", "no arm", "name one or more scored folders");
  std::size_t against = request.arms.size();
  for (std::size_t i = 0; i < request.arms.size(); ++i)
    if (request.arms[i].name == request.against) against = i;
  if (!request.against.empty() && against == request.arms.size())
    throw Invalid(Exit::usage, "--against " + request.against, "no such arm", "name one of the arms");

  Study study;
  std::vector<std::vector<std::vector<Judged>>> items;
  for (auto const& folders : arms) {
    auto& runs = items.emplace_back();
    for (ScoredFolder const& folder : folders) runs.push_back(study.judged(folder));
  }
  LabelSets const sets(study.labels);
  std::vector<ArmRuns> scores;
  for (auto& runs : items)
    scores.emplace_back(std::move(runs), sets, study.groups.all().size(), request.bootstrap, scores.size());

  ScoredFolder const& first = arms.front().front();
  OrderedJson json{{"metric", "macro_f1_tasks"},
                   {"suite", request.suite},
                   {"split", first.split},
                   {"mode", first.mode},
                   {"records", first.lines.size()}};
  json["arms"] = json["pairs"] = OrderedJson::array();
  auto const enough = [&](std::size_t i) {
    std::string const& arm = arms[i].front().arm;
    return arms[i].size() >= seeds_of_a_claim || arm == "zero_shot" || arm == "instruction";
  };
  for (std::size_t i = 0; i < arms.size(); ++i) {
    OrderedJson arm{{"name", request.arms[i].name}};
    for (ScoredFolder const& folder : arms[i]) arm["runs"].push_back(folder.folder.string());
    arm["seeds"] = arms[i].size();
    arm["headline"] = request.condition.empty() ? arms[i].front().headline : request.condition;
    put_nodes(arm, scores[i].scores(), study, [](ArmScore const& score) {
      return OrderedJson{{"value", score.value}, {"ci95", interval(score.ci95)}, {"of_seeds", score.of_runs}};
    });
    json["arms"].push_back(std::move(arm));
  }
  for (std::size_t a = 0; a < arms.size(); ++a)
    for (std::size_t b = 0; b < arms.size(); ++b) {
      if (against < arms.size() ? (b != against || a == b) : a <= b) continue;
      json["pairs"].push_back(pair_json(request.arms[a].name, request.arms[b].name, compare(scores[a], scores[b]),
                                        enough(a) && enough(b), study));
    }
  return json;
}

std::vector<ArmFolders> arms_of_runs(std::vector<fs::path> const& runs) {
  std::vector<ArmFolders> arms;
  std::vector<std::string> digests;
  for (fs::path const& run : runs) {
    Config config = read_config(run / "config.yaml", {}, Files::may_lack);
    config.run = {};
    std::string const digest = digest_of(config);
    auto const at = static_cast<std::size_t>(std::find(digests.begin(), digests.end(), digest) - digests.begin());
    if (at == digests.size()) {
      digests.push_back(digest);
      arms.push_back({run.filename().empty() ? run.parent_path().filename().string() : run.filename().string(), {}});
    }
    arms[at].runs.push_back(run);
  }
  return arms;
}

std::vector<ArmFolders> read_arms(std::vector<std::string> const& words) {
  std::vector<ArmFolders> arms;
  for (std::string const& word : words) {
    std::size_t const equals = word.find('=');
    ArmFolders arm;
    arm.name = equals == std::string::npos ? word : word.substr(0, equals);
    std::stringstream folders(equals == std::string::npos ? word : word.substr(equals + 1));
    for (std::string folder; std::getline(folders, folder, ',');)
      if (!folder.empty()) arm.runs.emplace_back(folder);
    if (arm.name.empty() || arm.runs.empty())
      throw Invalid(Exit::usage, "arm \"" + word + "\"", "no name or no folder", "write NAME=DIR,DIR or DIR");
    for (ArmFolders const& other : arms)
      if (other.name == arm.name) throw Invalid(Exit::usage, "arm " + arm.name, "it stands twice", "name it once");
    arms.push_back(std::move(arm));
  }
  return arms;
}

}  // namespace bsft
