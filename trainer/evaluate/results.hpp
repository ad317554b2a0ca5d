// Turn scored records into the numbers of results.json.
//
//   {"suites":     {<suite>: {"overall": S, "groups": {<group>: S}, "tasks": {<task>: S}}},   the headline condition
//    "conditions": {<self|right|wrong|none>: {"suites": …as above}},
//    "steer":      {<suite>: {"selection": {macro_f1, accuracy, support, majority, ece, brier, reliability:
//                       [{confidence, right, count}], confusion: {<gold>: {<selected>: n}}},
//                    "conditions": {<c>: {over_intervention_rate, clean_twins, missed_need_rate, planted,
//                       pair_accuracy, pairs, obedience, leakage, steerable,
//                       behaviors: {<gold>: {macro_f1_tasks, accuracy, support}}}},
//                    "conditioning_gain": {over_wrong: D, over_none: D}, "routing_regret": D,
//                    "cost_curve": {behavior, points: [[threshold, missed_need_rate, over_intervention_rate]],
//                       missed_cost, over_cost, operating_point}}}                             steerability.hpp
//    "alarms": [lines], "headline", "split", "records", "unavailable": {<condition>: why},
//    "excluded": {<task>: why}}
//   S = {macro_f1_tasks, macro_f1_pooled, accuracy, ci95, ci95_pooled, support, invalid, majority: {label?,
//        macro_f1_tasks, macro_f1_pooled, accuracy}, token_only: {…}}; a task has its group, its labels and
//        constant_prediction (all items got one label)
//   D = {value, ci95, distinguishable}
// Conditions: self = the behaviour that the model itself finds likeliest, right = the record's, wrong = the next
// behaviour after it, none = no token.  The headline is the first of self, right, none that was scored (right first
// where the behaviour is given).  Majority: each task's most frequent label in the train split (of the scored split
// where it has none); the first declared one where two are equal; token_only likewise of each task and behaviour.  A
// label means "intervene" where all records with it do.  Alarms are about the headline condition.  Nothing here depends
// on time or machine: the same scores give the same bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "data/store/reader.hpp"
#include "trainer/evaluate/metrics.hpp"
#include "trainer/evaluate/scoring.hpp"

namespace bsft {

enum class Condition { self, right, wrong, none };
std::string_view name_of(Condition condition);
// Invalid(usage) for another word.
Condition condition_of(std::string const& name);

// What a record gets under a condition: the likeliest label (-1: none has a finite score) by the summed log-likelihood,
// or the one that its answer gives (-1: the answer is invalid).
struct Choice {
  Outcome const* scores = nullptr;  // null: the condition was not scored; without sums where an answer was generated
  std::int32_t behavior = -1;       // -1: without one
  std::int32_t label = -1;
};
Choice choose(Condition condition, RecordInfo const& info, ScoredRecord const& scored);
// The answer's label, or the likeliest one by the sum; -1: an invalid answer, or none is finite.
std::int32_t label_of(Outcome const& outcome);
// The likeliest behaviour among those that are scored, or -1.
std::int32_t selected_behavior(ScoredRecord const& scored);

struct ResultSettings {
  Split split = Split::test;
  std::vector<std::string> suites;  // empty: all of the file
  std::vector<Condition> conditions{Condition::self, Condition::right, Condition::wrong, Condition::none};
  bool given = false;      // the behaviour is given, not selected
  double missed_cost = 1;  // of a missed need, where an over-intervention costs 1
  Bootstrap bootstrap;
};

OrderedJson results_of(StoreReader const& reader, std::span<ScoredRecord const> scored, ResultSettings const& settings);

// The value at a dotted path ("suites.full.overall.macro_f1_tasks"), or nothing.
std::optional<double> value_at(OrderedJson const& results, std::string const& path);

}  // namespace bsft
