#include "trainer/evaluate/suite_results.hpp"

#include <algorithm>
#include <map>

#include "data/base/error.hpp"

namespace bsft {
namespace {

constexpr std::uint8_t action_intervene = 2, action_restrain = 3;

OrderedJson json_of(Score const& score, Score const& majority) {
  auto pair = [](std::optional<Interval> const& interval) {
    return interval ? OrderedJson::array({interval->low, interval->high}) : OrderedJson();
  };
  OrderedJson json;
  json["macro_f1_tasks"] = score.macro_f1_tasks;
  json["macro_f1_pooled"] = score.macro_f1_pooled;
  json["accuracy"] = score.accuracy;
  json["ci95"] = pair(score.ci95);
  json["ci95_pooled"] = pair(score.ci95_pooled);
  json["support"] = score.support;
  json["invalid"] = score.invalid;
  json["majority"]["macro_f1_tasks"] = majority.macro_f1_tasks;
  json["majority"]["macro_f1_pooled"] = majority.macro_f1_pooled;
  json["majority"]["accuracy"] = majority.accuracy;
  return json;
}

// (task, label) -> does the label mean that the model speaks up?  Only labels of which all records say the same.
std::map<std::pair<std::int32_t, std::int32_t>, bool> interventions(StoreReader const& reader) {
  std::map<std::pair<std::int32_t, std::int32_t>, bool> result;
  std::vector<std::pair<std::int32_t, std::int32_t>> mixed;
  for (RecordInfo const& info : reader.records()) {
    if (info.label < 0 || info.action == 0) continue;
    std::pair<std::int32_t, std::int32_t> const key{index(info.task), info.label};
    bool const speaks = info.action == action_intervene;
    if (result.emplace(key, speaks).first->second != speaks) mixed.push_back(key);
  }
  for (auto const& key : mixed) result.erase(key);
  return result;
}

}  // namespace

SuiteView::SuiteView(StoreReader const& reader, std::span<ScoredRecord const> scored, std::string const& suite)
    : reader_(reader) {
  auto const& suites = reader.catalog().suites;
  auto const at = std::find(suites.begin(), suites.end(), suite);
  if (at == suites.end()) {
    std::string known;
    for (auto const& name : suites) known += (known.empty() ? "" : ", ") + name;
    throw Invalid(Exit::data, "the data file has no suite " + suite, "it has " + known, "name one of these");
  }
  std::uint32_t const bit = std::uint32_t{1} << (at - suites.begin());
  for (ScoredRecord const& record : scored) {
    if ((info(record).suites & bit) != 0) members_.push_back(&record);
  }
}

RecordInfo const& SuiteView::info(ScoredRecord const& scored) const {
  return reader_.records()[static_cast<std::size_t>(scored.record)];
}

std::vector<Judged> SuiteView::judge(Condition condition) const {
  std::vector<Judged> items;
  for (ScoredRecord const* scored : members_) {
    RecordInfo const& record = info(*scored);
    if (record.label < 0) continue;
    Choice const choice = choose(condition, record, *scored);
    items.push_back({index(record.task), record.group, record.label, choice.label, record.case_index});
  }
  return items;
}

std::vector<std::int32_t> SuiteView::majority_labels(Split split) const {
  auto const& tasks = reader_.catalog().tasks;
  auto count = [&](Split of) {
    std::vector<std::vector<std::int64_t>> counts;
    for (StoredTask const& task : tasks) counts.emplace_back(task.labels.size());
    for (RecordInfo const& record : reader_.records()) {
      if (record.split != of || record.label < 0) continue;
      ++counts[static_cast<std::size_t>(index(record.task))][static_cast<std::size_t>(record.label)];
    }
    return counts;
  };
  auto const train = count(Split::train), own = count(split);
  std::vector<std::int32_t> result;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    bool const has_train = std::any_of(train[t].begin(), train[t].end(), [](auto n) { return n > 0; });
    auto const& counts = has_train ? train[t] : own[t];
    auto const best = std::max_element(counts.begin(), counts.end());
    result.push_back(best == counts.end() || *best == 0 ? -1 : static_cast<std::int32_t>(best - counts.begin()));
  }
  return result;
}

OrderedJson SuiteView::scores(Condition condition, Bootstrap bootstrap, Split split) const {
  Catalog const& catalog = reader_.catalog();
  std::vector<std::vector<std::string>> labels;
  for (StoredTask const& task : catalog.tasks) labels.push_back(task.labels);
  LabelSets const sets(std::move(labels));
  std::vector<Judged> const items = judge(condition);
  auto const majority = majority_labels(split);
  std::vector<Judged> guesses = items;
  for (Judged& guess : guesses) guess.prediction = majority[static_cast<std::size_t>(guess.task)];
  Scoreboard const board = score_items(items, sets, catalog.groups.size(), bootstrap);
  Scoreboard const baseline = score_items(guesses, sets, catalog.groups.size(), {.draws = 0, .seed = 0});

  std::vector<std::vector<char>> seen(catalog.tasks.size());
  for (std::size_t t = 0; t < seen.size(); ++t) seen[t].assign(catalog.tasks[t].labels.size() + 1, 0);
  for (Judged const& item : items)
    seen[static_cast<std::size_t>(item.task)][static_cast<std::size_t>(item.prediction + 1)] = 1;

  OrderedJson json;
  json["overall"] = board.overall ? json_of(*board.overall, *baseline.overall) : OrderedJson();
  json["groups"] = json["tasks"] = OrderedJson::object();
  for (std::size_t g = 0; g < catalog.groups.size(); ++g) {
    if (board.groups[g]) json["groups"][catalog.groups[g]] = json_of(*board.groups[g], *baseline.groups[g]);
  }
  for (std::size_t t = 0; t < catalog.tasks.size(); ++t) {
    if (!board.tasks[t]) continue;
    OrderedJson task = json_of(*board.tasks[t], *baseline.tasks[t]);
    if (majority[t] >= 0) task["majority"]["label"] = catalog.tasks[t].labels[static_cast<std::size_t>(majority[t])];
    task["group"] = catalog.tasks[t].group;
    task["labels"] = catalog.tasks[t].labels;
    task["constant_prediction"] = board.tasks[t]->support > 1 && std::count(seen[t].begin(), seen[t].end(), 1) == 1;
    json["tasks"][catalog.tasks[t].name] = std::move(task);
  }
  return json;
}

OrderedJson SuiteView::selection() const {
  auto const& behaviors = reader_.catalog().behaviors.tokens;
  Confusion table(behaviors.size());
  std::vector<std::int64_t> support(behaviors.size());
  for (ScoredRecord const* scored : members_) {
    std::int32_t const gold = index(info(*scored).behavior);
    table.add(gold, selected_behavior(*scored));
    ++support[static_cast<std::size_t>(gold)];
  }
  OrderedJson json;
  if (members_.empty()) return json;
  json["macro_f1"] = *table.macro_f1();
  json["accuracy"] = *table.accuracy();
  json["support"] = members_.size();
  json["majority"] =
      static_cast<double>(*std::max_element(support.begin(), support.end())) / static_cast<double>(members_.size());
  return json;
}

OrderedJson SuiteView::action_rates(Condition condition) const {
  auto const speaks_up = interventions(reader_);
  std::int64_t clean = 0, over = 0, planted = 0, missed = 0;
  for (ScoredRecord const* scored : members_) {
    RecordInfo const& record = info(*scored);
    if (record.label < 0 || (record.action != action_intervene && record.action != action_restrain)) continue;
    std::int32_t const label = choose(condition, record, *scored).label;
    auto const found = speaks_up.find({index(record.task), label});
    if (label >= 0 && found == speaks_up.end()) continue;
    bool const speaks = label >= 0 && found->second;
    if (record.action == action_restrain) {
      ++clean;
      over += speaks ? 1 : 0;
    } else {
      ++planted;
      missed += speaks ? 0 : 1;
    }
  }
  OrderedJson json = OrderedJson::object();
  if (clean > 0) json["over_intervention_rate"] = static_cast<double>(over) / static_cast<double>(clean);
  if (planted > 0) json["missed_need_rate"] = static_cast<double>(missed) / static_cast<double>(planted);
  if (!json.empty()) {
    json["clean_twins"] = clean;
    json["planted"] = planted;
  }
  return json;
}

}  // namespace bsft
