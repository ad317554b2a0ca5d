// The benchmark's tasks, groups and behaviours as data (configs/behaviorbench.yaml).
//
//   behaviors: [{name, token, description}]          K of them, in the order of their rows
//   tasks:     [{name, group, behavior, level, labels: […], questions?: […], answers?: […],
//                contrast?: {group, behavior, level, answers}}]
//   suites?:   [{name, tasks?, groups?, behaviors?, levels?, sources?: […]}]   named parts of the data: records of
//   which
//                each list that is there names their own; suites that records name themselves need no entry
// questions and answers are the wordings that the synthetic generator fills: {slot} stands for a fact of the case,
// {label} for the label, with which every answer begins.  contrast: the same prompt under another behaviour calls for
// another answer; the task's own behaviour answers its first label, the contrast's the second.  Tasks of other people's
// records need neither. Errors: Findings(config), all at once, each line file:line:column: unknown and duplicate keys,
// wrong types, a behaviour that no one declared, a name declared twice, fewer than two labels, a level outside 0..5,
// a suite that chooses by nothing.
#pragma once

#include <filesystem>
#include <optional>
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
  std::vector<std::string> questions, answers;
  struct Contrast {
    std::string group, behavior;
    int level = 0;
    std::vector<std::string> answers;
  };
  std::optional<Contrast> contrast;
};

struct SuiteSpec {
  std::string name;
  std::vector<std::string> tasks, groups, behaviors, sources;
  std::vector<int> levels;
};

struct Taxonomy {
  std::vector<BehaviorSpec> behaviors;
  std::vector<TaskSpec> tasks;
  std::vector<SuiteSpec> suites;
  TaskSpec const* find(std::string const& task) const;
};

Taxonomy read_taxonomy(std::filesystem::path const& file);

}  // namespace bsft
