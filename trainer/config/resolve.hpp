// Between the YAML tree and the structs: what read_config and the sweep expander share.
//
// resolve() applies a document and then settings, each with the place its findings name, and checks the whole.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "trainer/config/config.hpp"
#include "trainer/config/yaml.hpp"

namespace bsft {

// One key set from outside the document: --set, or an axis of a sweep.
struct Setting {
  std::string key;
  Yaml value;
  Place place;
};

// Where each key was set, and which could not be read; the checks between keys skip the latter.
struct Sources {
  std::string file;
  std::map<std::string, Place> places;
  std::set<std::string> unread;

  // Of the first of these keys that was set; the whole file where none was.
  Place of(std::vector<std::string> const& keys) const;
  bool read(std::vector<std::string> const& keys) const;
};

// "key=value" of --set as a setting; a finding and an empty key where it is none.
Setting parse_setting(std::string const& text, Place const& place, std::vector<std::string>& findings);

// The file's text as a tree; a finding where it cannot be opened.
Yaml read_yaml(std::filesystem::path const& file, std::vector<std::string>& findings);

Config resolve(Yaml const& document, std::string const& file, std::vector<Setting> const& settings, Files files,
               std::vector<std::string>& findings);

// A setting's value as the table of keys writes it, so that equal values are equal text; what is wrong with it, and an
// empty text, where it cannot be read.
std::string value_of(Setting const& setting, std::vector<std::string>& findings);

// Contradictions between keys, and files that are not there.
void check(Config const& config, Sources const& sources, Files files, std::vector<std::string>& findings);

}  // namespace bsft
