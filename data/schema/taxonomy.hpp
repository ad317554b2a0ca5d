// The benchmark's tasks, groups and behaviours as data (configs/behaviorbench.yaml).
//
//   behaviors: [{name, token, description}]          K of them, in the order of their rows
//   tasks:     [{name, group, behavior, level, labels: […], question?}]
// Errors: Invalid(config) with file:line:column.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bsft {

struct BehaviorSpec {
  std::string name;         // "proactive"
  std::string token;        // "<|proactive|>"
  std::string description;  // its row starts at the mean embedding of these words
};

struct TaskSpec {
  std::string name, group, behavior;
  int level = 0;
  std::vector<std::string> labels;
};

struct Taxonomy {
  std::vector<BehaviorSpec> behaviors;
  std::vector<TaskSpec> tasks;
  TaskSpec const* find(std::string const& task) const;
};

Taxonomy read_taxonomy(std::filesystem::path const& file);

}  // namespace bsft
