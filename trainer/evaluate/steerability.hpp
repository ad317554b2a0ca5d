// The steerability matrix of one suite: does the token steer, and does the model steer itself?
//
//   selection    how well the model selects its behaviour: macro-F1, ECE and Brier of P(behaviour) among the scored
//   ones
//                (calibration.hpp), the reliability diagram's bins, the table gold x selected
//   conditions   under each: over-intervention (clean twins that it speaks up about), missed need (planted ones it is
//                silent on), pairs of which every member is right, scores by gold behaviour; in tasks whose behaviours
//                call for different labels, obedience = answers that the given behaviour calls for, and leakage =
//                answers of another behaviour where the least autonomous one was given
//   gain         macro-F1 (mean over tasks) under the right token less that under a wrong one, and less that without
//                one.  A token that teaches nothing still differs from no token, which such a model has never seen: the
//                gain over the wrong token is what the token's meaning is worth
//   regret       macro-F1 under the right token less that under the selected one
//   cost curve   the most autonomous behaviour is given where its P >= threshold, else the likeliest other one:
//                missed need against over-intervention, and the threshold at which
//                (missed_cost x missed + over-interventions) / records is the smallest
// Intervals are those of the paired bootstrap (statistics.hpp).  A behaviour's autonomy is its records' mean level.
// Where something cannot be counted its key is not there.  Grammar: results.hpp.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "trainer/evaluate/results.hpp"
#include "trainer/evaluate/suite_results.hpp"

namespace bsft {

class Steerability {
 public:
  // `view` must outlive it.
  explicit Steerability(SuiteView const& view);
  OrderedJson selection() const;
  OrderedJson of_condition(Condition condition) const;
  // conditioning_gain and routing_regret, as far as their conditions were scored.
  OrderedJson differences(Bootstrap bootstrap) const;
  OrderedJson cost_curve(double missed_cost) const;

 private:
  // Does the label mean that the model speaks up?  Nothing where records with it disagree.
  std::optional<bool> speaks_up(RecordInfo const& info, std::int32_t label) const;
  // Whether the record is judged by what the model does: planted (true) or clean.
  static std::optional<bool> planted(RecordInfo const& info);
  void add_action_rates(Condition condition, OrderedJson& json) const;
  void add_pairs(Condition condition, OrderedJson& json) const;
  void add_obedience(Condition condition, OrderedJson& json) const;
  void add_behaviors(Condition condition, OrderedJson& json) const;

  SuiteView const& view_;
  std::map<std::pair<std::int32_t, std::int32_t>, bool> interventions_;           // (task, label)
  std::map<std::pair<std::int32_t, std::int32_t>, std::set<std::int32_t>> says_;  // (task, behaviour): labels; only
                                                                                  // tasks whose behaviours differ
  std::vector<double> autonomy_;                                                  // [K], -1: no records
};

}  // namespace bsft
