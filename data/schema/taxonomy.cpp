#include "data/schema/taxonomy.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft {
namespace {

constexpr std::size_t file_limit = std::size_t{1} << 20;

// Collects findings while it reads; a value that cannot be read is left empty.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  void find(YAML::Mark const& mark, std::string_view what, std::string_view why, std::string_view fix = {}) {
    auto const place =
        mark.is_null() ? file_ : file_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
    findings_.push_back(one_line(place + ": " + std::string(what), why, fix));
  }
  void check() const {
    if (!findings_.empty()) throw Findings(Exit::config, findings_);
  }

  // The keys of a map: each known, each once.
  bool keys(YAML::Node const& map, std::string_view what, std::vector<std::string> const& known) {
    if (!map.IsMap()) {
      find(map.Mark(), what, "not a map", "write key: value lines");
      return false;
    }
    std::set<std::string> seen;
    for (auto const& pair : map) {
      auto const key = pair.first.IsScalar() ? pair.first.Scalar() : std::string();
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        auto const near = nearest(key, known);
        find(pair.first.Mark(), "unknown key \"" + key + "\"", std::string(what),
             near.empty() ? "remove it" : "did you mean " + near + "?");
      } else if (!seen.insert(key).second) {
        find(pair.first.Mark(), "key \"" + key + "\" stands twice", std::string(what), "remove one");
      }
    }
    return true;
  }

  std::string text(YAML::Node const& map, char const* key) {
    auto const value = map[key];
    if (value && value.IsScalar() && !value.Scalar().empty()) return value.Scalar();
    find(value ? value.Mark() : map.Mark(), "\"" + std::string(key) + "\"", value ? "not a text" : "missing");
    return {};
  }

  std::vector<std::string> texts(YAML::Node const& map, char const* key, std::size_t at_least) {
    std::vector<std::string> out;
    auto const list = map[key];
    if (!list) {
      if (at_least > 0) find(map.Mark(), "\"" + std::string(key) + "\"", "missing");
      return out;
    }
    if (!list.IsSequence()) {
      find(list.Mark(), "\"" + std::string(key) + "\"", "not a list", "write [a, b]");
      return out;
    }
    for (auto const& item : list) {
      if (!item.IsScalar() || item.Scalar().empty())
        find(item.Mark(), "\"" + std::string(key) + "\"", "not a text");
      else if (std::find(out.begin(), out.end(), item.Scalar()) != out.end())
        find(item.Mark(), "\"" + item.Scalar() + "\" stands twice", key, "remove one");
      else
        out.push_back(item.Scalar());
    }
    if (out.size() < at_least)
      find(list.Mark(), "\"" + std::string(key) + "\"",
           std::to_string(out.size()) + " of at least " + std::to_string(at_least));
    return out;
  }

  int level(YAML::Node const& map) { return level(map, "level", text(map, "level")); }
  int level(YAML::Node const& map, char const* key, std::string const& text_of) {
    if (text_of.size() == 1 && text_of[0] >= '0' && text_of[0] <= '5') return text_of[0] - '0';
    if (!text_of.empty()) find(map[key].Mark(), "level " + text_of, "not 0 to 5");
    return 0;
  }

  void declared(YAML::Node const& map, std::string const& behavior, std::vector<std::string> const& behaviors) {
    if (behavior.empty() || std::find(behaviors.begin(), behaviors.end(), behavior) != behaviors.end()) return;
    std::string const near = nearest(behavior, behaviors);
    find(map["behavior"].Mark(), "behaviour \"" + behavior + "\"", "not declared",
         near.empty() ? "declare it under behaviors" : "did you mean " + near + "?");
  }

  void begin_with_label(YAML::Node const& map, std::vector<std::string> const& answers) {
    for (auto const& answer : answers)
      if (!answer.starts_with("{label}"))
        find(map["answers"].Mark(), "answer \"" + answer + "\"", "does not begin with its label",
             "begin it with {label}");
  }

 private:
  std::string file_;
  std::vector<std::string> findings_;
};

void read_behaviors(YAML::Node const& list, Reader& reader, Taxonomy& out) {
  if (!list || !list.IsSequence() || list.size() == 0)
    return reader.find(list ? list.Mark() : YAML::Mark::null_mark(), "\"behaviors\"", "no list of behaviours");
  for (auto const& node : list) {
    if (!reader.keys(node, "a behaviour", {"name", "token", "description"})) continue;
    BehaviorSpec one{reader.text(node, "name"), reader.text(node, "token"), reader.text(node, "description")};
    for (auto const& other : out.behaviors)
      if (other.name == one.name || other.token == one.token)
        reader.find(node.Mark(), "behaviour \"" + one.name + "\"", "its name or token stands twice", "rename one");
    out.behaviors.push_back(std::move(one));
  }
}

void read_tasks(YAML::Node const& list, Reader& reader, Taxonomy& out) {
  if (!list || !list.IsSequence()) return reader.find(YAML::Mark::null_mark(), "\"tasks\"", "no list of tasks");
  std::vector<std::string> behaviors;
  for (auto const& behavior : out.behaviors) behaviors.push_back(behavior.name);
  for (auto const& node : list) {
    if (!reader.keys(node, "a task",
                     {"name", "group", "behavior", "level", "labels", "questions", "answers", "contrast"}))
      continue;
    TaskSpec task;
    task.name = reader.text(node, "name");
    task.group = reader.text(node, "group");
    task.behavior = reader.text(node, "behavior");
    task.level = reader.level(node);
    task.labels = reader.texts(node, "labels", 2);
    task.questions = reader.texts(node, "questions", 0);
    task.answers = reader.texts(node, "answers", 0);
    reader.declared(node, task.behavior, behaviors);
    if (out.find(task.name) != nullptr)
      reader.find(node.Mark(), "task \"" + task.name + "\"", "stands twice", "rename one");
    reader.begin_with_label(node, task.answers);
    if (auto const other = node["contrast"]) {
      if (!reader.keys(other, "a contrast", {"group", "behavior", "level", "answers"})) continue;
      task.contrast = {reader.text(other, "group"), reader.text(other, "behavior"), reader.level(other),
                       reader.texts(other, "answers", 1)};
      reader.declared(other, task.contrast->behavior, behaviors);
      reader.begin_with_label(other, task.contrast->answers);
      if (task.contrast->behavior == task.behavior)
        reader.find(other.Mark(), "contrast of task \"" + task.name + "\"", "the task's own behaviour", "name another");
      if (task.labels.size() != 2)
        reader.find(other.Mark(), "contrast of task \"" + task.name + "\"",
                    std::to_string(task.labels.size()) + " labels", "declare two, one for each behaviour");
    }
    out.tasks.push_back(std::move(task));
  }
}

void read_suites(YAML::Node const& list, Reader& reader, Taxonomy& out) {
  if (!list) return;
  if (!list.IsSequence()) return reader.find(list.Mark(), "\"suites\"", "not a list", "write - name: …");
  for (auto const& node : list) {
    if (!reader.keys(node, "a suite", {"name", "tasks", "groups", "behaviors", "levels", "sources"})) continue;
    SuiteSpec suite;
    suite.name = reader.text(node, "name");
    suite.tasks = reader.texts(node, "tasks", 0);
    suite.groups = reader.texts(node, "groups", 0);
    suite.behaviors = reader.texts(node, "behaviors", 0);
    suite.sources = reader.texts(node, "sources", 0);
    for (std::string const& level : reader.texts(node, "levels", 0))
      suite.levels.push_back(reader.level(node, "levels", level));
    if (node.size() < 2)
      reader.find(node.Mark(), "suite \"" + suite.name + "\"", "it chooses by nothing",
                  "name tasks, groups, behaviors, levels or sources");
    bool const plain = !suite.name.empty() && std::all_of(suite.name.begin(), suite.name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-';
    });
    if (!plain)
      reader.find(node.Mark(), "suite \"" + suite.name + "\"", "a name is letters, digits, _ and -", "rename it");
    for (auto const& other : out.suites)
      if (other.name == suite.name)
        reader.find(node.Mark(), "suite \"" + suite.name + "\"", "stands twice", "rename one");
    for (auto const& task : suite.tasks) {
      if (out.tasks.empty() || out.find(task) != nullptr) continue;
      std::vector<std::string> known;
      for (auto const& one : out.tasks) known.push_back(one.name);
      auto const near = nearest(task, known);
      reader.find(node["tasks"].Mark(), "task \"" + task + "\"", "not declared",
                  near.empty() ? "declare it" : "did you mean " + near + "?");
    }
    out.suites.push_back(std::move(suite));
  }
}

}  // namespace

TaskSpec const* Taxonomy::find(std::string const& task) const {
  auto const found = std::find_if(tasks.begin(), tasks.end(), [&](TaskSpec const& one) { return one.name == task; });
  return found == tasks.end() ? nullptr : &*found;
}

Taxonomy read_taxonomy(std::filesystem::path const& file) {
  auto const text = read_file(file, file_limit);
  Reader reader(file.string());
  Taxonomy out;
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (YAML::Exception const& error) {
    reader.find(error.mark, "not YAML", error.msg);
    reader.check();
  }
  if (reader.keys(root, "the taxonomy", {"behaviors", "tasks", "suites"})) {
    read_behaviors(root["behaviors"], reader, out);
    read_tasks(root["tasks"], reader, out);
    read_suites(root["suites"], reader, out);
  }
  reader.check();
  return out;
}

}  // namespace bsft
