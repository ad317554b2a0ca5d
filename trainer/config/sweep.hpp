// Expand a sweep file into its arms, each a whole configuration.
//
//   base: ../quickstart.yaml                                    relative to the sweep file
//   arms: {sft: {behavior.set: [none]}, selection: {}}          named sets of keys, one at a time, slowest
//   grid: {behavior.loss_weight: [0, 1, 4], run.name: [a, b]}   all combinations, the first key slower
//   pairs: [{optimizer.learning_rate: 1e-4, scheduler.warmup: 0.1}, {…}]   one of these at a time
//   seeds: [1, 2, 3]                                            run.seed, fastest
//   exclude: [{behavior.set: [none], behavior.loss_weight: 4}]  leaves the runs out that have all values of one of
//   these metric: suites.full.overall.macro_f1_tasks                  of the table; absent: the base's evaluate.metric
//   halving: {rungs: [400, 800], keep: 0.5}                     at each of these steps this share of the arms goes on
//   slurm: {partition: gpu, …}                                  of `bsft sweep submit` alone, which reads it
// Runs = arms × grid × pairs × seeds in the file's order, without those excluded; what excludes nothing is refused.
// Runs that differ in run.seed alone are one arm, and have one name.  Two arms that resolve to the same configuration
// are refused, and one that does not score the metric's suite. Errors: Findings(config), every finding of the sweep
// file and of every arm, each once, with its place.  Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "trainer/config/config.hpp"
#include "trainer/config/yaml.hpp"

namespace bsft {

struct Arm {
  std::string digest;                                     // of its configuration
  std::string name;                                       // "sft", "sft behavior.loss_weight=4"; without the seed
  std::vector<std::pair<std::string, std::string>> keys;  // what makes it differ: key, value as written
  Config config;
};

// A rung is a checkpoint that is scored while training, as the metric is that of evaluate.metric.
struct Halving {
  std::vector<std::int64_t> rungs;  // steps, ascending; empty: every run goes to its end
  double keep = 0.5;                // of the arms, at least one
};

struct Sweep {
  std::string name;  // the file's stem
  std::string metric;
  std::vector<Arm> arms;
  Halving halving;
  Yaml slurm;  // null: the file has none
};

inline constexpr std::size_t most_arms = 10000;

Sweep read_sweep(std::filesystem::path const& file, Files files = Files::must_exist);

}  // namespace bsft
