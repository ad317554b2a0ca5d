#include <algorithm>
#include <system_error>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/config/config.hpp"
#include "trainer/config/dialects.hpp"
#include "trainer/config/keys.hpp"
#include "trainer/config/resolve.hpp"
#include "trainer/config/scalar.hpp"

namespace bsft {
namespace {

std::string leaf_of(std::string const& name) { return name.substr(name.rfind('.') + 1); }

bool contains(std::vector<std::string> const& all, std::string const& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string unknown_key(std::string const& name, Place const& place) {
  std::string const what = "unknown key " + name;
  std::vector<std::string> same_leaf;
  for (std::string const& known : key_names())
    if (leaf_of(known) == leaf_of(name)) same_leaf.push_back(known);
  if (same_leaf.size() == 1) return finding(place, what, "another section has it", "write " + same_leaf[0]);
  if (Foreign const foreign = foreign_key(name); !foreign.tool.empty())
    return finding(place, what, "a name of " + foreign.tool, foreign.advice);
  std::vector<std::string> candidates = key_names();
  if (name.find('.') == std::string::npos) {
    candidates.clear();
    for (std::string const& known : key_names()) {
      std::string const first = known.substr(0, known.find('.'));
      if (!contains(candidates, first)) candidates.push_back(first);
    }
    for (std::string const& known : key_names()) candidates.push_back(leaf_of(known));
  }
  std::string near = nearest(name, candidates);
  if (!near.empty() && find_key(near) == nullptr && !is_section(near))  // a leaf: name it whole
    for (std::string const& known : key_names())
      if (leaf_of(known) == near) {
        near = known;
        break;
      }
  return finding(place, what, "bsft config keys lists all", near.empty() ? "" : "did you mean " + near + "?");
}

// Puts the values of one document or setting into the Config.
class Assigner {
 public:
  Assigner(Config& config, Sources& sources, std::vector<std::string>& findings)
      : config_(config), sources_(sources), findings_(findings) {}

  void section(YamlNode const& map, std::string const& prefix) {
    for (YamlNode::Entry const& entry : map.entries) {
      std::string const name = prefix + entry.key;
      if (Key const* key = find_key(name); key != nullptr && prefix.empty() && name.find('.') != std::string::npos) {
        findings_.push_back(
            finding(entry.place, "key " + name + " with a dot", "sections are nested",
                    "write " + name.substr(0, name.find('.')) + ": {" + name.substr(name.find('.') + 1) + ": …}"));
      } else if (key != nullptr) {
        bool const empty = entry.value->kind == YamlNode::Kind::null;  // stands where the next line begins
        key_value(*key, *entry.value, empty ? entry.place : entry.value->place, entry.place);
      } else if (is_section(name) && entry.key.find('.') == std::string::npos) {
        if (entry.value->kind == YamlNode::Kind::map)
          section(*entry.value, name + ".");
        else if (entry.value->kind != YamlNode::Kind::null)
          findings_.push_back(
              finding(entry.value->place, name, "a section of keys", "write " + name + ": {key: value}"));
      } else {
        findings_.push_back(unknown_key(name, entry.place));
      }
    }
  }

  void setting(Setting const& setting) {
    Key const* key = find_key(setting.key);
    if (key != nullptr)
      key_value(*key, *setting.value, setting.place, setting.place);
    else if (is_section(setting.key))
      findings_.push_back(finding(setting.place, setting.key, "a section, not a key", "set its keys one by one"));
    else
      findings_.push_back(unknown_key(setting.key, setting.place));
  }

 private:
  void key_value(Key const& key, YamlNode const& node, Place const& value_place, Place const& key_place) {
    sources_.places[key.name] = key_place;
    sources_.unread.erase(key.name);
    std::string const problem = std::visit([&](auto* member) { return read(key, node, *member); }, key.field(config_));
    if (problem.empty()) return;
    sources_.unread.insert(key.name);
    findings_.push_back(finding(value_place, key.name + ": " + problem));
  }

  template <class Scalar>
  std::string read(Key const& key, YamlNode const& node, Scalar& member) {
    Scalar value{};
    if (std::string problem = read_scalar(node, value); !problem.empty()) return problem;
    if constexpr (std::is_same_v<Scalar, std::string>) {
      if (std::string problem = choice_problem(key, value); !problem.empty()) return problem;
    } else if constexpr (!std::is_same_v<Scalar, bool>) {
      if (!key.range.holds(static_cast<double>(value)))
        return one_line(node.text, "out of range", "allowed: " + key.range.text());
    }
    member = value;
    return {};
  }

  std::string read(Key const& key, YamlNode const& node, std::vector<std::string>& member) {
    if (node.kind == YamlNode::Kind::scalar)
      return one_line(node.text, "a list is expected", "write [" + node.text + "]");
    if (node.kind != YamlNode::Kind::list) return one_line("wrong type", "a list is expected", "write [] for none");
    std::vector<std::string> values;
    for (Yaml const& item : node.items) {
      std::string value;
      if (std::string problem = read_scalar(*item, value); !problem.empty()) return problem;
      if (value.empty()) return one_line("\"\"", "an empty name in a list", "remove it");
      if (contains(values, value)) return one_line(value, "twice in a list", "remove one");
      if (std::string problem = choice_problem(key, value); !problem.empty()) return problem;
      values.push_back(value);
    }
    member = values;
    return {};
  }

  static std::string choice_problem(Key const& key, std::string const& value) {
    if (contains(key.not_built, value)) {
      std::vector<std::string> built;
      for (std::string const& choice : key.choices)
        if (!contains(key.not_built, choice)) built.push_back(choice);
      return one_line(value, "not built yet", "write " + joined(built));
    }
    if (key.choices.empty() || contains(key.choices, value)) return {};
    std::string const near = nearest(value, key.choices);
    return one_line(value, "one of " + joined(key.choices), near.empty() ? "" : "did you mean " + near + "?");
  }

  Config& config_;
  Sources& sources_;
  std::vector<std::string>& findings_;
};

}  // namespace

Place Sources::of(std::vector<std::string> const& keys) const {
  for (std::string const& key : keys)
    if (auto const found = places.find(key); found != places.end()) return found->second;
  return {file, 0, 0};
}

bool Sources::read(std::vector<std::string> const& keys) const {
  return std::none_of(keys.begin(), keys.end(), [&](std::string const& key) { return unread.count(key) != 0; });
}

Setting parse_setting(std::string const& text, Place const& place, std::vector<std::string>& findings) {
  auto const equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    findings.push_back(finding(place, text, "not key=value", "write --set section.key=value"));
    return {};
  }
  std::string const value = text.substr(equals + 1);
  Setting setting{text.substr(0, equals), nullptr, place};
  if (value.empty()) {  // --set run.dir= : empty text
    auto nothing = std::make_shared<YamlNode>();
    nothing->kind = YamlNode::Kind::scalar;
    nothing->quoted = true;
    setting.value = nothing;
    return setting;
  }
  std::vector<std::string> problems;
  setting.value = parse_yaml(value, "", problems);
  for (std::string const& problem : problems)  // without the place inside the argument
    findings.push_back(finding(place, setting.key + ": " + problem.substr(problem.find(' ') + 1)));
  if (!problems.empty()) return {};
  return setting;
}

Yaml read_yaml(std::filesystem::path const& file, std::vector<std::string>& findings) {
  std::error_code error;
  auto const size = std::filesystem::is_regular_file(file, error) ? std::filesystem::file_size(file, error) : 0;
  if (error || !std::filesystem::is_regular_file(file)) {
    findings.push_back(finding({file.string(), 0, 0}, "cannot open", error ? error.message() : "not a regular file",
                               "check the path"));
    return std::make_shared<YamlNode>();
  }
  YamlLimits const limits;
  if (size > limits.bytes) {
    findings.push_back(finding({file.string(), 0, 0}, "too large",
                               std::to_string(size) + " bytes, at most " + std::to_string(limits.bytes)));
    return std::make_shared<YamlNode>();
  }
  return parse_yaml(read_file(file, limits.bytes), file.string(), findings, limits);
}

Config resolve(Yaml const& document, std::string const& file, std::vector<Setting> const& settings, Files files,
               std::vector<std::string>& findings) {
  Config config;
  Sources sources{file, {}, {}};
  Assigner assign(config, sources, findings);
  if (document->kind == YamlNode::Kind::map)
    assign.section(*document, "");
  else if (document->kind != YamlNode::Kind::none && document->kind != YamlNode::Kind::null)
    findings.push_back(finding(document->place, "not a map", "a configuration is keys and values", ""));
  std::map<std::string, Place> seen;
  for (Setting const& setting : settings) {
    if (setting.key.empty()) continue;
    if (auto const [first, fresh] = seen.emplace(setting.key, setting.place); !fresh)
      findings.push_back(finding(setting.place, "duplicate key " + setting.key, "first at " + first->second.text(),
                                 "keep one of them"));
    else
      assign.setting(setting);
  }
  check(config, sources, files, findings);
  return config;
}

std::string value_of(Setting const& setting, std::vector<std::string>& findings) {
  Config config;
  Sources sources;
  std::size_t const before = findings.size();
  Assigner(config, sources, findings).setting(setting);
  return findings.size() == before ? written(*find_key(setting.key), config) : "";
}

Config read_config(std::filesystem::path const& file, std::vector<std::string> const& overrides, Files files) {
  std::vector<std::string> findings;
  Yaml const document = read_yaml(file, findings);
  bool const readable = findings.empty() || document->kind != YamlNode::Kind::none;
  std::vector<Setting> settings;
  for (std::string const& text : overrides)
    settings.push_back(parse_setting(text, {"--set", static_cast<int>(settings.size()) + 1, 0}, findings));
  Config const config = readable ? resolve(document, file.string(), settings, files, findings) : Config{};
  if (!findings.empty()) throw Findings(Exit::config, findings);
  return config;
}

}  // namespace bsft
