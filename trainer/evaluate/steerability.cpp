#include "trainer/evaluate/steerability.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/evaluate/calibration.hpp"
#include "trainer/evaluate/statistics.hpp"

namespace bsft {
namespace {

constexpr std::uint8_t action_intervene = 2, action_restrain = 3;
constexpr int thresholds = 100;

using Key = std::pair<std::int32_t, std::int32_t>;

// Only labels of which all records say the same.
std::map<Key, bool> interventions_of(StoreReader const& reader) {
  std::map<Key, bool> result;
  std::vector<Key> mixed;
  for (RecordInfo const& info : reader.records()) {
    if (info.label < 0 || info.action == 0) continue;
    Key const key{index(info.task), info.label};
    bool const speaks = info.action == action_intervene;
    if (result.emplace(key, speaks).first->second != speaks) mixed.push_back(key);
  }
  for (Key const& key : mixed) result.erase(key);
  return result;
}

// (task, behaviour): the labels that the behaviour's records carry, for tasks whose behaviours share no label.
std::map<Key, std::set<std::int32_t>> labels_by_behavior(StoreReader const& reader) {
  std::map<std::int32_t, std::map<std::int32_t, std::set<std::int32_t>>> tasks;
  for (RecordInfo const& info : reader.records())
    if (info.label >= 0) tasks[index(info.task)][index(info.behavior)].insert(info.label);
  std::map<Key, std::set<std::int32_t>> result;
  for (auto const& [task, behaviors] : tasks) {
    std::set<std::int32_t> all;
    std::size_t count = 0;
    for (auto const& [_, labels] : behaviors) {
      all.insert(labels.begin(), labels.end());
      count += labels.size();
    }
    if (behaviors.size() < 2 || all.size() != count) continue;
    for (auto const& [behavior, labels] : behaviors) result[{task, behavior}] = labels;
  }
  return result;
}

std::vector<double> mean_levels(StoreReader const& reader) {
  std::size_t const count = reader.catalog().behaviors.tokens.size();
  std::vector<double> sums(count), records(count);
  for (RecordInfo const& info : reader.records()) {
    sums[static_cast<std::size_t>(index(info.behavior))] += info.level;
    ++records[static_cast<std::size_t>(index(info.behavior))];
  }
  for (std::size_t k = 0; k < count; ++k) sums[k] = records[k] == 0 ? -1 : sums[k] / records[k];
  return sums;
}

// P of each behaviour among those that are scored, 0 for the others; empty where none was selected.
std::vector<double> probabilities(ScoredRecord const& scored) {
  std::vector<double> p = scored.behavior;
  double largest = -INFINITY, sum = 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (!scored.forced[k].is_there()) p[k] = -INFINITY;
    largest = std::max(largest, p[k]);
  }
  if (!std::isfinite(largest)) return {};
  for (double& value : p) sum += value = std::exp(value - largest);
  for (double& value : p) value /= sum;
  return p;
}

double share(std::int64_t part, std::int64_t all) { return static_cast<double>(part) / static_cast<double>(all); }

OrderedJson json_of(Calibration const& calibration) {
  OrderedJson bins = OrderedJson::array();
  for (CalibrationBin const& bin : calibration.bins)
    bins.push_back({{"confidence", bin.confidence}, {"right", bin.right}, {"count", bin.count}});
  return bins;
}

}  // namespace

Steerability::Steerability(SuiteView const& view)
    : view_(view),
      interventions_(interventions_of(view.reader())),
      says_(labels_by_behavior(view.reader())),
      autonomy_(mean_levels(view.reader())) {}

std::optional<bool> Steerability::speaks_up(RecordInfo const& info, std::int32_t label) const {
  if (label < 0) return false;
  auto const found = interventions_.find({index(info.task), label});
  return found == interventions_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<bool> Steerability::planted(RecordInfo const& info) {
  if (info.label < 0 || (info.action != action_intervene && info.action != action_restrain)) return std::nullopt;
  return info.action == action_intervene;
}

OrderedJson Steerability::selection() const {
  OrderedJson json;
  if (view_.members().empty()) return json;
  auto const& behaviors = view_.reader().catalog().behaviors.tokens;
  std::size_t const count = behaviors.size();
  Confusion table(count);
  CalibrationCount calibration;
  std::vector<std::vector<std::int64_t>> cells(count, std::vector<std::int64_t>(count));
  std::vector<std::int64_t> support(count);
  for (ScoredRecord const* scored : view_.members()) {
    std::int32_t const gold = index(view_.info(*scored).behavior), selected = selected_behavior(*scored);
    table.add(gold, selected);
    ++support[static_cast<std::size_t>(gold)];
    if (selected >= 0) ++cells[static_cast<std::size_t>(gold)][static_cast<std::size_t>(selected)];
    if (auto const p = probabilities(*scored); !p.empty()) calibration.add(p, gold);
  }
  auto const members = static_cast<std::int64_t>(view_.members().size());
  json["macro_f1"] = *table.macro_f1();
  json["accuracy"] = *table.accuracy();
  json["support"] = members;
  json["majority"] = share(*std::max_element(support.begin(), support.end()), members);
  if (calibration.count() > 0) {
    Calibration const result = calibration.result();
    json["ece"] = result.ece;
    json["brier"] = result.brier;
    json["reliability"] = json_of(result);
  }
  for (std::size_t gold = 0; gold < count; ++gold)
    for (std::size_t selected = 0; selected < count; ++selected)
      if (support[gold] > 0) json["confusion"][behaviors[gold].name][behaviors[selected].name] = cells[gold][selected];
  return json;
}

void Steerability::add_action_rates(Condition condition, OrderedJson& json) const {
  std::int64_t clean = 0, over = 0, needed = 0, missed = 0;
  for (ScoredRecord const* scored : view_.members()) {
    RecordInfo const& record = view_.info(*scored);
    auto const is_planted = planted(record);
    if (!is_planted) continue;
    auto const speaks = speaks_up(record, choose(condition, record, *scored).label);
    if (!speaks) continue;
    if (*is_planted) {
      ++needed;
      missed += *speaks ? 0 : 1;
    } else {
      ++clean;
      over += *speaks ? 1 : 0;
    }
  }
  if (clean > 0) json["over_intervention_rate"] = share(over, clean);
  if (needed > 0) json["missed_need_rate"] = share(missed, needed);
  if (clean + needed == 0) return;
  json["clean_twins"] = clean;
  json["planted"] = needed;
}

void Steerability::add_pairs(Condition condition, OrderedJson& json) const {
  std::map<std::int64_t, std::pair<int, bool>> pairs;  // twin set: members, all right
  for (ScoredRecord const* scored : view_.members()) {
    RecordInfo const& record = view_.info(*scored);
    if (record.label < 0 || record.twin_index < 0) continue;
    auto& [members, all] = pairs.try_emplace(record.twin_index, 0, true).first->second;
    ++members;
    all = all && choose(condition, record, *scored).label == record.label;
  }
  std::int64_t count = 0, right = 0;
  for (auto const& [_, pair] : pairs) {
    if (pair.first < 2) continue;
    ++count;
    right += pair.second ? 1 : 0;
  }
  if (count == 0) return;
  json["pair_accuracy"] = share(right, count);
  json["pairs"] = count;
}

void Steerability::add_obedience(Condition condition, OrderedJson& json) const {
  std::int64_t given = 0, obeyed = 0, quiet = 0, leaked = 0;
  for (ScoredRecord const* scored : view_.members()) {
    RecordInfo const& record = view_.info(*scored);
    Choice const choice = choose(condition, record, *scored);
    std::int32_t const task = index(record.task);
    auto const asked = says_.find({task, choice.behavior});
    if (record.label < 0 || choice.behavior < 0 || asked == says_.end()) continue;
    bool const obeys = asked->second.count(choice.label) > 0;
    bool least = true, others = false;
    for (auto const& [key, labels] : says_) {
      if (key.first != task || key.second == choice.behavior) continue;
      auto const autonomy = [&](std::int32_t k) { return autonomy_[static_cast<std::size_t>(k)]; };
      least = least && autonomy(choice.behavior) <= autonomy(key.second);
      others = others || labels.count(choice.label) > 0;
    }
    ++given;
    obeyed += obeys ? 1 : 0;
    quiet += least ? 1 : 0;
    leaked += least && others ? 1 : 0;
  }
  if (given == 0) return;
  json["obedience"] = share(obeyed, given);
  if (quiet > 0) json["leakage"] = share(leaked, quiet);
  json["steerable"] = given;
}

void Steerability::add_behaviors(Condition condition, OrderedJson& json) const {
  auto const& behaviors = view_.reader().catalog().behaviors.tokens;
  LabelSets const sets = view_.label_sets();
  std::vector<Judged> items = view_.judge(condition);
  std::size_t at = 0;
  for (ScoredRecord const* scored : view_.members()) {
    RecordInfo const& record = view_.info(*scored);
    if (record.label >= 0) items[at++].group = index(record.behavior);
  }
  Scoreboard const board = score_items(items, sets, behaviors.size(), {.draws = 0, .seed = 0});
  for (std::size_t k = 0; k < behaviors.size(); ++k) {
    if (!board.groups[k]) continue;
    OrderedJson& entry = json["behaviors"][behaviors[k].name];
    entry["macro_f1_tasks"] = board.groups[k]->macro_f1_tasks;
    entry["accuracy"] = board.groups[k]->accuracy;
    entry["support"] = board.groups[k]->support;
  }
}

OrderedJson Steerability::of_condition(Condition condition) const {
  OrderedJson json = OrderedJson::object();
  add_action_rates(condition, json);
  add_pairs(condition, json);
  add_obedience(condition, json);
  add_behaviors(condition, json);
  return json;
}

OrderedJson Steerability::differences(Bootstrap bootstrap) const {
  LabelSets const sets = view_.label_sets();
  std::size_t const groups = view_.reader().catalog().groups.size();
  std::map<Condition, ArmRuns> scored;  // each drawn once
  for (Condition const condition : {Condition::right, Condition::wrong, Condition::none, Condition::self}) {
    bool const judged = std::any_of(view_.members().begin(), view_.members().end(), [&](ScoredRecord const* one) {
      return choose(condition, view_.info(*one), *one).scores != nullptr;
    });
    if (judged) scored.emplace(condition, ArmRuns({view_.judge(condition)}, sets, groups, bootstrap, 0));
  }
  OrderedJson json = OrderedJson::object();
  auto const right = scored.find(Condition::right);
  auto const put = [&](OrderedJson::json_pointer const& place, Condition than) {
    auto const other = scored.find(than);
    if (right == scored.end() || other == scored.end()) return;
    Comparison const comparison = compare(right->second, other->second);
    if (!comparison.overall) return;
    OrderedJson one{{"value", comparison.overall->value}};
    if (auto const& ci = comparison.overall->ci95) one["ci95"] = OrderedJson::array({ci->low, ci->high});
    one["distinguishable"] = comparison.overall->distinguishable();
    json[place] = std::move(one);
  };
  put(OrderedJson::json_pointer("/conditioning_gain/over_wrong"), Condition::wrong);
  put(OrderedJson::json_pointer("/conditioning_gain/over_none"), Condition::none);
  put(OrderedJson::json_pointer("/routing_regret"), Condition::self);
  return json;
}

OrderedJson Steerability::cost_curve(double missed_cost) const {
  // Of each item: P of the most autonomous behaviour, and what is done under it and under the likeliest other one.
  struct Item {
    double p;
    bool planted, speaks, speaks_else;
  };
  OrderedJson json;
  std::vector<Item> items;
  std::int32_t most = -1;
  for (ScoredRecord const* scored : view_.members()) {
    RecordInfo const& record = view_.info(*scored);
    auto const is_planted = planted(record);
    std::vector<double> p = probabilities(*scored);
    if (!is_planted || p.empty()) continue;
    most = -1;
    for (std::size_t k = 0; k < p.size(); ++k)
      if (scored->forced[k].is_there() && (most < 0 || autonomy_[k] > autonomy_[static_cast<std::size_t>(most)]))
        most = static_cast<std::int32_t>(k);
    double const p_most = p[static_cast<std::size_t>(most)];
    p[static_cast<std::size_t>(most)] = -1;
    auto const other = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    if (!scored->forced[other].is_there()) continue;  // one behaviour alone: nothing to choose
    auto const speaks = speaks_up(record, label_of(scored->forced[static_cast<std::size_t>(most)]));
    auto const speaks_else = speaks_up(record, label_of(scored->forced[other]));
    if (speaks && speaks_else) items.push_back({p_most, *is_planted, *speaks, *speaks_else});
  }
  auto const needed = std::count_if(items.begin(), items.end(), [](Item const& item) { return item.planted; });
  auto const clean = static_cast<std::int64_t>(items.size()) - needed;
  if (needed == 0 || clean == 0) return json;
  json["behavior"] = view_.reader().catalog().behaviors.tokens[static_cast<std::size_t>(most)].name;
  json["points"] = OrderedJson::array();
  double least = INFINITY;
  OrderedJson operating;
  for (int t = 0; t <= thresholds; ++t) {
    double const threshold = static_cast<double>(t) / thresholds;
    std::int64_t missed = 0, over = 0;
    for (Item const& item : items) {
      bool const speaks = item.p >= threshold ? item.speaks : item.speaks_else;
      missed += item.planted && !speaks ? 1 : 0;
      over += !item.planted && speaks ? 1 : 0;
    }
    json["points"].push_back({threshold, share(missed, needed), share(over, clean)});
    double const cost =
        (missed_cost * static_cast<double>(missed) + static_cast<double>(over)) / static_cast<double>(items.size());
    if (cost >= least) continue;
    least = cost;
    operating = {{"threshold", threshold},
                 {"missed_need_rate", share(missed, needed)},
                 {"over_intervention_rate", share(over, clean)},
                 {"cost", cost}};
  }
  json["missed_cost"] = missed_cost;
  json["over_cost"] = 1;
  json["operating_point"] = operating;
  return json;
}

}  // namespace bsft
