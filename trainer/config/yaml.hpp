// Parse YAML from strangers into a tree that remembers where everything stood.
//
// yaml-cpp's Node keeps the first of two equal keys, reads 010 as 8 and .inf as a number, and follows `a: &x [*x]`
// until the stack ends; so its events are taken instead, and values stay text until scalar.hpp reads them. Refused,
// each as `file:line:column: problem (why) what to do`: text that is not UTF-8, more than one document, custom tags,
// merge keys, equal keys, keys that are not plain words, alias cycles, and what goes over the limits below, where nodes
// are counted as often as aliases repeat them.
//
// parse_yaml adds findings and returns a tree of what could be read (kind none where nothing could).  Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bsft {

struct Place {
  std::string file;
  int line = 0;  // from 1; 0: the whole file
  int column = 0;
  std::string text() const;
};

struct YamlNode {
  enum class Kind { none, null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::none;
  Place place;
  std::string text;     // of a scalar
  bool quoted = false;  // "5" is text, 5 is a number
  std::vector<std::shared_ptr<YamlNode const>> items;
  std::vector<Entry> entries;  // in the file's order
  std::size_t size = 1;        // nodes, aliases expanded
};

struct YamlNode::Entry {
  std::string key;
  Place place;
  std::shared_ptr<YamlNode const> value;
};

using Yaml = std::shared_ptr<YamlNode const>;

struct YamlLimits {
  std::size_t bytes = std::size_t{1} << 20;
  std::size_t depth = 64, nodes = 10000, aliases = 100, key_bytes = 128, scalar_bytes = std::size_t{64} << 10;
};

// "file:line:column: what (why) fix".
std::string finding(Place const& place, std::string_view what, std::string_view why = {}, std::string_view fix = {});

Yaml parse_yaml(std::string_view text, std::string const& file, std::vector<std::string>& findings,
                YamlLimits const& limits = {});

}  // namespace bsft
