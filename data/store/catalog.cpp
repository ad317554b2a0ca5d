#include "data/store/catalog.hpp"

#include <algorithm>

#include "data/base/error.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

constexpr char const* format_name = "bsft-behaviorbench";
constexpr int format_version = 2;
constexpr std::size_t suite_limit = 32;

void add_name(std::vector<std::string>& names, std::string const& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::string listed(std::vector<std::string> const& names) { return names.empty() ? "none" : joined(names); }

// What one record says against its task, or empty.
std::string against_task(Record const& record, std::vector<std::string> const& labels, TaskSpec const* declared) {
  bool const contrast = declared != nullptr && declared->contrast && record.behavior == declared->contrast->behavior;
  if (std::string const& group = contrast              ? declared->contrast->group
                                 : declared != nullptr ? declared->group
                                                       : record.group;
      record.group != group)
    return "group \"" + record.group + "\", declared " + group;
  if (declared != nullptr && !contrast && record.behavior != declared->behavior)
    return "behavior \"" + record.behavior + "\", declared " + declared->behavior;
  if (record.labels != labels)
    return "labels " + listed(record.labels) + "; " + (declared != nullptr ? "declared " : "its first record has ") +
           listed(labels);
  return {};
}

}  // namespace

Catalog make_catalog(std::vector<SourcedRecord> const& records, Taxonomy const& taxonomy, FindingList& findings) {
  Catalog catalog;
  std::vector<std::string> behaviors;
  for (auto const& behavior : taxonomy.behaviors) behaviors.push_back(behavior.name);
  std::map<std::string, StoredTask> tasks;
  std::vector<std::string> undeclared;
  for (auto const& [record, where] : records) {
    auto const* declared = taxonomy.find(record.task);
    auto const [task, fresh] = tasks.try_emplace(record.task);
    if (fresh) {
      task->second = {record.task, record.group, declared != nullptr ? declared->labels : record.labels, {}};
      if (declared == nullptr) undeclared.push_back(record.task);
    }
    if (auto const why = against_task(record, task->second.labels, declared); !why.empty())
      findings.add(one_line(where + ": task " + record.task, why, ""));
    if (std::find(behaviors.begin(), behaviors.end(), record.behavior) == behaviors.end())
      findings.add(one_line(where + ": behavior \"" + record.behavior + "\"", "known are " + listed(behaviors),
                            "declare it in the file of --behaviors"));
    add_name(catalog.groups, record.group);
    for (auto const& suite : record.suites) add_name(catalog.suites, suite);
  }
  if (catalog.suites.size() > suite_limit)
    findings.add(one_line("suites", std::to_string(catalog.suites.size()) + " of them, at most 32", ""));
  for (auto const& spec : taxonomy.tasks)
    if (auto const found = tasks.find(spec.name); found != tasks.end()) catalog.tasks.push_back(found->second);
  for (auto const& name : undeclared) catalog.tasks.push_back(tasks.at(name));
  return catalog;
}

std::string catalog_to_json(Catalog const& catalog) {
  OrderedJson json;
  json["format"] = format_name;
  json["version"] = format_version;
  json["digests"] = {{"tokenizer", catalog.tokenizer_digest},
                     {"template", catalog.template_digest},
                     {"behaviors", catalog.behavior_digest},
                     {"converter", catalog.converter_digest}};
  json["template"] = catalog.template_name;
  json["max_length"] = catalog.max_length;
  json["end_token"] = catalog.end_token;
  auto& behaviors = json["behaviors"] = OrderedJson::array();
  for (auto const& b : catalog.behaviors.tokens)
    behaviors.push_back({{"name", b.name}, {"token", b.token}, {"id", b.id}, {"description", b.description}});
  json["groups"] = catalog.groups;
  json["suites"] = catalog.suites;
  if (!catalog.excluded.empty()) json["excluded"] = catalog.excluded;
  auto& tasks = json["tasks"] = OrderedJson::array();
  for (auto const& task : catalog.tasks)
    tasks.push_back(
        {{"name", task.name}, {"group", task.group}, {"labels", task.labels}, {"label_tokens", task.label_tokens}});
  return json.dump();
}

Catalog catalog_from_json(std::string const& text, std::string const& where) {
  Json const json = parse_json(text, where);
  try {
    if (json.at("format") != format_name) throw Broken(where, "not a BehaviorBench file");
    if (json.at("version") != format_version)
      throw Broken(where, "format version " + json.at("version").dump() + ", this program reads 2", build_again);
    Catalog catalog;
    auto const& digests = json.at("digests");
    digests.at("tokenizer").get_to(catalog.tokenizer_digest);
    digests.at("template").get_to(catalog.template_digest);
    digests.at("behaviors").get_to(catalog.behavior_digest);
    digests.at("converter").get_to(catalog.converter_digest);
    json.at("template").get_to(catalog.template_name);
    json.at("max_length").get_to(catalog.max_length);
    json.at("end_token").get_to(catalog.end_token);
    for (auto const& b : json.at("behaviors"))
      catalog.behaviors.tokens.push_back({b.at("name"), b.at("token"), b.at("description"), b.at("id").get<TokenId>()});
    json.at("groups").get_to(catalog.groups);
    json.at("suites").get_to(catalog.suites);
    if (json.contains("excluded")) json["excluded"].get_to(catalog.excluded);
    for (auto const& t : json.at("tasks")) {
      StoredTask task{t.at("name"), t.at("group"), t.at("labels").get<std::vector<std::string>>(),
                      t.at("label_tokens").get<std::vector<std::vector<TokenId>>>()};
      if (task.label_tokens.size() != task.labels.size())
        throw Broken(where, "task " + task.name + ": labels without tokens");
      catalog.tasks.push_back(std::move(task));
    }
    if (catalog.suites.size() > suite_limit) throw Broken(where, "more than 32 suites");
    return catalog;
  } catch (Json::exception const& error) {
    throw Broken(where, error.what());
  }
}

}  // namespace bsft
