#include "trainer/evaluate/suite_results.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "data/base/error.hpp"

namespace bsft {
namespace {

OrderedJson json_of(Score const& score, Score const& majority, Score const& token_only) {
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
  for (auto const& [name, baseline] : {std::pair("majority", &majority), std::pair("token_only", &token_only)}) {
    json[name]["macro_f1_tasks"] = baseline->macro_f1_tasks;
    json[name]["macro_f1_pooled"] = baseline->macro_f1_pooled;
    json[name]["accuracy"] = baseline->accuracy;
  }
  return json;
}

// What a guesser says that reads nothing but the task, or the task and the behaviour token: the label that is the most
// frequent in the train split (of `split` where it has none), -1: no record; the first declared of equal ones.
class Guesser {
 public:
  Guesser(StoreReader const& reader, Split split, bool reads_token) : reads_token_(reads_token) {
    std::map<Key, std::vector<std::int64_t>> train, own;
    for (RecordInfo const& record : reader.records()) {
      if (record.label < 0 || (record.split != Split::train && record.split != split)) continue;
      auto& counts = (record.split == Split::train ? train : own)[key(record)];
      counts.resize(reader.catalog().tasks[static_cast<std::size_t>(index(record.task))].labels.size());
      ++counts[static_cast<std::size_t>(record.label)];
    }
    own.merge(train);
    for (auto& [of, counts] : train) own[of] = counts;  // merge leaves what both have
    for (auto const& [of, counts] : own)
      labels_[of] = static_cast<std::int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }
  std::int32_t label(RecordInfo const& record) const {
    auto const found = labels_.find(key(record));
    return found == labels_.end() ? -1 : found->second;
  }

 private:
  using Key = std::pair<std::int32_t, std::int32_t>;  // task, behaviour or -1
  Key key(RecordInfo const& record) const { return {index(record.task), reads_token_ ? index(record.behavior) : -1}; }

  bool reads_token_;
  std::map<Key, std::int32_t> labels_;
};

}  // namespace

SuiteView::SuiteView(StoreReader const& reader, std::span<ScoredRecord const> scored, std::string const& suite)
    : reader_(reader), suite_(suite) {
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

LabelSets SuiteView::label_sets() const {
  std::vector<std::vector<std::string>> labels;
  for (StoredTask const& task : reader_.catalog().tasks) labels.push_back(task.labels);
  return LabelSets(std::move(labels));
}

OrderedJson SuiteView::scores(Condition condition, Bootstrap bootstrap, Split split) const {
  Catalog const& catalog = reader_.catalog();
  LabelSets const sets = label_sets();
  std::vector<Judged> const items = judge(condition);
  auto const guessed = [&](Guesser const& guesser) {
    std::vector<Judged> guesses = items;
    std::size_t at = 0;
    for (ScoredRecord const* scored : members_)
      if (RecordInfo const& record = info(*scored); record.label >= 0) guesses[at++].prediction = guesser.label(record);
    return score_items(guesses, sets, catalog.groups.size(), {.draws = 0, .seed = 0});
  };
  Guesser const by_task(reader_, split, false), by_token(reader_, split, true);
  Scoreboard const board = score_items(items, sets, catalog.groups.size(), bootstrap);
  Scoreboard const majority = guessed(by_task), token_only = guessed(by_token);

  OrderedJson json;
  json["overall"] = board.overall ? json_of(*board.overall, *majority.overall, *token_only.overall) : OrderedJson();
  json["groups"] = json["tasks"] = OrderedJson::object();
  for (std::size_t g = 0; g < catalog.groups.size(); ++g) {
    if (board.groups[g])
      json["groups"][catalog.groups[g]] = json_of(*board.groups[g], *majority.groups[g], *token_only.groups[g]);
  }
  std::vector<std::int32_t> const constant = constant_predictions(items);
  for (std::size_t t = 0; t < catalog.tasks.size(); ++t) {
    if (!board.tasks[t]) continue;
    OrderedJson task = json_of(*board.tasks[t], *majority.tasks[t], *token_only.tasks[t]);
    RecordInfo of_task;
    of_task.task = static_cast<TaskId>(t);
    if (std::int32_t const label = by_task.label(of_task); label >= 0)
      task["majority"]["label"] = catalog.tasks[t].labels[static_cast<std::size_t>(label)];
    task["group"] = catalog.tasks[t].group;
    task["labels"] = catalog.tasks[t].labels;
    task["constant_prediction"] = constant[t] >= -1;
    json["tasks"][catalog.tasks[t].name] = std::move(task);
  }
  return json;
}

// [task] the label that all of its items got (-1: all invalid), -2 where they differ or are fewer than two.
std::vector<std::int32_t> SuiteView::constant_predictions(std::span<Judged const> items) const {
  std::vector<std::set<std::int32_t>> seen(reader_.catalog().tasks.size());
  std::vector<std::int64_t> count(seen.size());
  for (Judged const& item : items) {
    seen[static_cast<std::size_t>(item.task)].insert(item.prediction);
    ++count[static_cast<std::size_t>(item.task)];
  }
  std::vector<std::int32_t> result;
  for (std::size_t t = 0; t < seen.size(); ++t)
    result.push_back(count[t] > 1 && seen[t].size() == 1 ? *seen[t].begin() : -2);
  return result;
}

std::vector<std::string> SuiteView::alarms(Condition condition) const {
  auto const& tasks = reader_.catalog().tasks;
  std::vector<std::string> lines;
  std::vector<std::int32_t> const constant = constant_predictions(judge(condition));
  std::vector<std::int64_t> uniform(tasks.size());
  for (ScoredRecord const* scored : members_) {
    RecordInfo const& record = info(*scored);
    Choice const choice = choose(condition, record, *scored);
    if (record.label < 0 || choice.scores == nullptr || choice.scores->sum.size() < 2) continue;
    auto const [low, high] = std::minmax_element(choice.scores->sum.begin(), choice.scores->sum.end());
    if (*high - *low < 1e-6) ++uniform[static_cast<std::size_t>(index(record.task))];
  }
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    std::string const head = "suite " + suite_ + ", task " + tasks[t].name + ": ";
    if (constant[t] >= -1)
      lines.push_back(head + "every record got " +
                      (constant[t] < 0 ? "an invalid answer"
                                       : "the label " + tasks[t].labels[static_cast<std::size_t>(constant[t])]));
    if (uniform[t] > 0)
      lines.push_back(head + std::to_string(uniform[t]) + " records whose labels are all equally likely");
  }
  return lines;
}

}  // namespace bsft
