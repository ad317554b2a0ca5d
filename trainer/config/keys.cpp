#include "trainer/config/keys.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/config/scalar.hpp"

namespace bsft {
namespace {

std::string number(double value) { return write_scalar(value); }

std::string type_of(Key const& key) {
  Config config;
  static char const* const names[] = {"text", "whole number", "whole number", "number", "true, false", "list"};
  return names[key.field(config).index()];
}

std::string allowed(Key const& key) {
  if (key.choices.empty()) return key.range.text().empty() ? type_of(key) : type_of(key) + ", " + key.range.text();
  std::string text = type_of(key) == "list" ? "list of " : "";
  for (std::string const& choice : key.choices) {
    if (&choice != &key.choices.front()) text += ", ";
    text += choice;
    if (std::count(key.not_built.begin(), key.not_built.end(), choice) != 0) text += " (not built yet)";
  }
  return text;
}

}  // namespace

bool Range::holds(double value) const {
  bool const below = ends == Ends::open_below || ends == Ends::open ? value > least : value >= least;
  bool const above = ends == Ends::open_above || ends == Ends::open ? value < most : value <= most;
  return below && above;
}

std::string Range::text() const {
  bool const open_least = ends == Ends::open_below || ends == Ends::open;
  bool const open_most = ends == Ends::open_above || ends == Ends::open;
  if (std::isinf(least)) return {};
  if (std::isinf(most)) return (open_least ? "> " : ">= ") + number(least);
  if (!open_least && !open_most) return number(least) + " … " + number(most);
  return (open_least ? "> " : ">= ") + number(least) + (open_most ? ", < " : ", <= ") + number(most);
}

Key const* find_key(std::string const& name) {
  for (Key const& key : keys())
    if (key.name == name) return &key;
  return nullptr;
}

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  for (Key const& key : keys()) names.push_back(key.name);
  return names;
}

bool is_section(std::string const& name) {
  return std::any_of(keys().begin(), keys().end(), [&](Key const& key) { return key.name.rfind(name + ".", 0) == 0; });
}

std::string written(Key const& key, Config const& config) {
  Field const field = key.field(const_cast<Config&>(config));  // read only
  if (auto* const* text = std::get_if<std::string*>(&field)) return write_scalar(**text);
  if (auto* const* whole = std::get_if<std::int64_t*>(&field)) return std::to_string(**whole);
  if (auto* const* natural = std::get_if<std::uint64_t*>(&field)) return std::to_string(**natural);
  if (auto* const* real = std::get_if<double*>(&field)) return write_scalar(**real);
  if (auto* const* truth = std::get_if<bool*>(&field)) return **truth ? "true" : "false";
  std::string list = "[";
  for (std::string const& item : *std::get<std::vector<std::string>*>(field))
    list += (list.size() > 1 ? ", " : "") + write_scalar(item);
  return list + "]";
}

std::string keys_markdown(std::string const& pattern) {
  std::string text;
  if (pattern.empty())
    text =
        "# Configuration keys\n"
        "\n"
        "This file is the output of `bsft config keys`; a test compares the two.\n"
        "A configuration is YAML of nested keys (`optimizer: {learning_rate: 1e-4}`); each may be overridden with\n"
        "`--set optimizer.learning_rate=1e-4`. `bsft config check --config FILE` lists everything that is wrong with "
        "a\n"
        "file, with line and column. Relative paths start at the working directory.\n"
        "\n";
  text += "| key | allowed | unit | default | meaning |\n|---|---|---|---|---|\n";
  Config const defaults;
  for (Key const& key : keys()) {
    if (key.name.find(pattern) == std::string::npos && key.help.find(pattern) == std::string::npos) continue;
    text += "| `" + key.name + "` | " + allowed(key) + " | " + key.unit + " | `" + written(key, defaults) + "` | " +
            key.help + " |\n";
  }
  return text;
}

}  // namespace bsft
