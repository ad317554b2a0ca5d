#include "trainer/report/page/predictions.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/report/page/json_lines.hpp"
#include "trainer/report/page/part.hpp"

namespace bsft::page {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_tasks = 60, most_pairs = 100000;

class Reading {
 public:
  Reading(std::string const& headline, std::map<std::string, std::vector<std::string>> const& labels,
          std::size_t samples)
      : headline_(headline), labels_(labels), samples_(samples) {}

  void take(OrderedJson&& json) {
    Part const line(json, "predictions.jsonl:");
    judge(json, line);
    note_twin(std::move(json), line);
  }

  Predictions finish() {
    auto const share = [](Confusion const& task) {
      return static_cast<double>(task.right) / static_cast<double>(task.records);
    };
    std::ranges::stable_sort(found_.tasks, {}, share);
    return std::move(found_);
  }

 private:
  void judge(OrderedJson const& json, Part const& line) {
    std::string const task = line["task"].text(), label = line["label"].text();
    Part const judged = line["conditions"][headline_];
    if (label.empty() || !judged) return;
    std::string const answer = judged["prediction"].text();
    count(task, label, answer);
    ++found_.judged;
    if (answer == label) return;
    ++found_.wrong;
    if (samples_ > 0) keep(json, line, task, label);
  }

  std::vector<std::string> const& declared(std::string const& task) const {
    static std::vector<std::string> const none;
    auto const found = labels_.find(task);
    return found == labels_.end() ? none : found->second;
  }

  void count(std::string const& task, std::string const& label, std::string const& answer) {
    auto known = std::ranges::find(found_.tasks, task, &Confusion::task);
    if (known == found_.tasks.end()) {
      if (found_.tasks.size() == most_tasks) return;
      known = found_.tasks.insert(known, Confusion{});
      known->task = task;
      for (std::string const& name : declared(task)) learn(*known, name);
    }
    ++known->records;
    if (label == answer) ++known->right;
    if (learn(*known, label) && (answer.empty() || learn(*known, answer)))
      ++known->counts[{label, answer}];
    else
      ++known->beyond;
  }

  static bool learn(Confusion& task, std::string const& name) {
    if (std::ranges::find(task.labels, name) != task.labels.end()) return true;
    if (task.labels.size() == Confusion::most_labels) return false;
    task.labels.push_back(name);
    return true;
  }

  void keep(OrderedJson const& json, Part const& line, std::string const& task, std::string const& label) {
    JudgedError error;
    std::int64_t wrong = 0;
    for (auto const& [name, condition] : line["conditions"].members()) {
      std::string const answer = condition["prediction"].text();
      error.verdicts.push_back({name, condition["behavior"].text(), answer,
                                nats_above(condition["log_p"], declared(task), answer, label), answer == label});
      if (answer != label) ++wrong;
      if (name == headline_) error.nats = error.verdicts.back().nats;
    }
    auto const worse = [](Rank const& a, Rank const& b) { return a > b; };
    Rank const rank{std::isnan(error.nats) ? 0 : error.nats, wrong};
    auto const at = std::upper_bound(ranks_.begin(), ranks_.end(), rank, worse) - ranks_.begin();
    if (static_cast<std::size_t>(at) == samples_) return;
    error.line = json;
    ranks_.insert(ranks_.begin() + at, rank);
    found_.worst.insert(found_.worst.begin() + at, std::move(error));
    if (ranks_.size() > samples_) {
      ranks_.pop_back();
      found_.worst.pop_back();
    }
  }

  // log_p has a number a declared label, null where it is not finite.
  static double nats_above(Part const& log_p, std::vector<std::string> const& labels, std::string const& answer,
                           std::string const& label) {
    auto const values = log_p.items();
    auto const of = [&](std::string const& name) {
      auto const at = static_cast<std::size_t>(std::ranges::find(labels, name) - labels.begin());
      return at < values.size() ? values[at].number().value_or(-INFINITY) : NAN;
    };
    return of(answer) - of(label);
  }

  // Lines with a text and a twin are those of twins of which one was judged wrong.
  void note_twin(OrderedJson&& json, Part const& line) {
    if (!line["text"] || !line["twin"] || pairs_.size() == most_pairs) return;
    std::string const task = line["task"].text();
    std::string const pair = task + "\n" + word_at(json, "case") + "\n" + word_at(json, "twin");
    auto const [at, fresh] = pairs_.try_emplace(pair, std::min(found_.twins.size(), samples_));
    if (fresh) {
      ++found_.wrong_twins;
      if (found_.twins.size() < samples_) found_.twins.push_back({task, {}});
    }
    if (at->second < samples_ && found_.twins[at->second].records.size() < 2)
      found_.twins[at->second].records.push_back(std::move(json));
  }

  using Rank = std::pair<double, std::int64_t>;  // nats, wrong conditions

  std::string const& headline_;
  std::map<std::string, std::vector<std::string>> const& labels_;
  std::size_t samples_;
  Predictions found_;
  std::vector<Rank> ranks_;                   // of found_.worst
  std::map<std::string, std::size_t> pairs_;  // a pair's name -> its place; samples_: it is not shown
};

}  // namespace

Predictions read_predictions(fs::path const& file, std::string const& headline,
                             std::map<std::string, std::vector<std::string>> const& labels, std::size_t samples) {
  Reading reading(headline, labels, samples);
  each_line(file, [&](OrderedJson&& line) {
    reading.take(std::move(line));
    return true;
  });
  Predictions found = reading.finish();
  found.exist = fs::exists(file);
  return found;
}

}  // namespace bsft::page
