// Compare arms that judged the same records: what `bsft compare`, a sweep's report and the report page show.
//
// A scored folder (a run's, or one that `bsft evaluate` filled) holds results.json and predictions.jsonl; an arm is one
// of them or several, its seeds.  The result:
//   {metric, suite, split, mode, records,
//    arms:  [{name, runs: [folder], seeds, headline, overall: A, groups: {<g>: A}, tasks: {<t>: A}}]
//    pairs: [{a, b, overall: D, groups: {<g>: D}, tasks: {<t>: D}}]}          every arm against `against`, else all
//    pairs
//   A = {value, ci95, of_seeds: [value of each run]}   D = {value, ci95, only_a, only_b, p, p_holm, verdict}
// Values are macro-F1 as the mean over tasks.  A claim needs three seeds of each arm that was trained: verdict is
// "<arm> is better", "not distinguishable" (the interval holds 0) or "too few seeds for a claim".
// Errors: Broken for files of another shape; Invalid(data) for folders without these files, other records, splits,
// modes or data files, an unknown arm or suite, or a condition that was not scored.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/evaluate/metrics.hpp"

namespace bsft {

struct ArmFolders {
  std::string name;
  std::vector<std::filesystem::path> runs;
};

struct ComparisonRequest {
  std::vector<ArmFolders> arms;
  std::string suite = "full";
  std::string condition;  // empty: each arm's headline
  std::string against;    // an arm's name; empty: all pairs
  Bootstrap bootstrap;
};

inline constexpr std::size_t seeds_of_a_claim = 3;

OrderedJson compare_arms(ComparisonRequest const& request);

// Run folders as arms: those whose configurations (config.yaml) differ in run.seed, run.name and run.dir alone are one
// arm, named by its first folder.
std::vector<ArmFolders> arms_of_runs(std::vector<std::filesystem::path> const& runs);

// "NAME=DIR,DIR…" or "DIR", which is its own name.  Invalid(usage) where a name stands twice.
std::vector<ArmFolders> read_arms(std::vector<std::string> const& words);

}  // namespace bsft
