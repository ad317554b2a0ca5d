#include "trainer/evaluate/results.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/base/error.hpp"
#include "trainer/evaluate/steerability.hpp"
#include "trainer/evaluate/suite_results.hpp"

namespace bsft {
namespace {

constexpr std::array<std::pair<Condition, std::string_view>, 4> condition_names{
    {{Condition::self, "self"}, {Condition::right, "right"}, {Condition::wrong, "wrong"}, {Condition::none, "none"}}};

std::int32_t likeliest(std::vector<double> const& values) {
  std::int32_t best = -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    if (best < 0 || values[i] > values[static_cast<std::size_t>(best)]) best = static_cast<std::int32_t>(i);
  }
  return best;
}

bool is_scored(ScoredRecord const& scored, std::size_t behavior) { return scored.forced[behavior].is_there(); }

std::string why_not(Condition condition) {
  if (condition == Condition::self) return "no behaviour is selected: its token is not predicted after the prompt";
  if (condition == Condition::none) return "not asked for";
  return "no other behaviour is scored";
}

}  // namespace

std::string_view name_of(Condition condition) {
  for (auto const& [value, name] : condition_names) {
    if (value == condition) return name;
  }
  return "";
}

Condition condition_of(std::string const& name) {
  for (auto const& [value, known] : condition_names) {
    if (known == name) return value;
  }
  throw Invalid(Exit::usage, "unknown condition " + name, "self, right, wrong, none or all", "name one of these");
}

std::int32_t selected_behavior(ScoredRecord const& scored) {
  std::vector<double> values = scored.behavior;
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (!is_scored(scored, k)) values[k] = -std::numeric_limits<double>::infinity();
  }
  return likeliest(values);
}

std::int32_t label_of(Outcome const& outcome) {
  return outcome.answer ? outcome.answer->label : likeliest(outcome.sum);
}

Choice choose(Condition condition, RecordInfo const& info, ScoredRecord const& scored) {
  auto const gold = static_cast<std::size_t>(index(info.behavior));
  std::size_t const count = scored.forced.size();
  Choice choice;
  if (condition == Condition::self) {
    choice.behavior = selected_behavior(scored);
    if (choice.behavior < 0) return choice;
  } else if (condition == Condition::right && is_scored(scored, gold)) {
    choice.behavior = static_cast<std::int32_t>(gold);
  } else if (condition == Condition::wrong) {
    for (std::size_t step = 1; step < count && choice.behavior < 0; ++step) {
      std::size_t const other = (gold + step) % count;
      if (is_scored(scored, other)) choice.behavior = static_cast<std::int32_t>(other);
    }
    if (choice.behavior < 0) return choice;
  }
  // `right` of a record whose behaviour carries no token is the record without one.
  auto const& scores = choice.behavior < 0 ? scored.plain : scored.forced[static_cast<std::size_t>(choice.behavior)];
  bool const any = std::any_of(scored.forced.begin(), scored.forced.end(), [](auto const& s) { return s.is_there(); });
  if (!scores.is_there() || (condition == Condition::right && !any)) return choice;
  choice.scores = &scores;
  choice.label = label_of(scores);
  return choice;
}

namespace {

// The steerability matrix of a suite: what the scored conditions allow.
OrderedJson steer_of(SuiteView const& view, OrderedJson const& conditions, ResultSettings const& settings) {
  Steerability const steerability(view);
  OrderedJson steer = OrderedJson::object();
  auto const put = [](OrderedJson& to, char const* key, OrderedJson value) {
    if (!value.empty()) to[key] = std::move(value);
  };
  if (conditions.contains("self")) put(steer, "selection", steerability.selection());
  for (Condition const condition : settings.conditions) {
    std::string const name(name_of(condition));
    if (conditions.contains(name))
      if (auto of_condition = steerability.of_condition(condition); !of_condition.empty())
        steer["conditions"][name] = std::move(of_condition);
  }
  steer.update(steerability.differences(settings.bootstrap));
  if (conditions.contains("self")) put(steer, "cost_curve", steerability.cost_curve(settings.missed_cost));
  return steer;
}

}  // namespace

OrderedJson results_of(StoreReader const& reader, std::span<ScoredRecord const> scored,
                       ResultSettings const& settings) {
  Catalog const& catalog = reader.catalog();
  std::vector<std::string> const& suites = settings.suites.empty() ? catalog.suites : settings.suites;
  OrderedJson conditions = OrderedJson::object(), unavailable = OrderedJson::object();
  for (Condition const condition : settings.conditions) {
    bool const available = std::any_of(scored.begin(), scored.end(), [&](ScoredRecord const& record) {
      return choose(condition, reader.records()[static_cast<std::size_t>(record.record)], record).scores != nullptr;
    });
    std::string const name(name_of(condition));
    if (!available) {
      unavailable[name] = why_not(condition);
      continue;
    }
    for (std::string const& suite : suites)
      conditions[name]["suites"][suite] =
          SuiteView(reader, scored, suite).scores(condition, settings.bootstrap, settings.split);
  }
  std::vector<Condition> order{Condition::self, Condition::right, Condition::none};
  if (settings.given) order = {Condition::right, Condition::none, Condition::self};
  auto const headline = std::find_if(order.begin(), order.end(),
                                     [&](Condition one) { return conditions.contains(std::string(name_of(one))); });
  OrderedJson steer = OrderedJson::object();
  std::vector<std::string> alarms;
  for (std::string const& suite : suites) {
    SuiteView const view(reader, scored, suite);
    steer[suite] = steer_of(view, conditions, settings);
    if (headline == order.end()) continue;
    for (std::string& line : view.alarms(*headline)) alarms.push_back(std::move(line));
  }
  OrderedJson results;
  results["split"] = std::string(name_of(settings.split));
  results["records"] = scored.size();
  results["headline"] = headline == order.end() ? "" : std::string(name_of(*headline));
  if (headline != order.end()) results["suites"] = conditions[std::string(name_of(*headline))]["suites"];
  results["conditions"] = std::move(conditions);
  results["steer"] = std::move(steer);
  results["alarms"] = alarms;
  if (!catalog.excluded.empty()) results["excluded"] = catalog.excluded;
  if (!unavailable.empty()) results["unavailable"] = std::move(unavailable);
  return results;
}

std::optional<double> value_at(OrderedJson const& results, std::string const& path) {
  OrderedJson const* at = &results;
  for (std::size_t begin = 0; begin <= path.size();) {
    std::size_t const end = std::min(path.find('.', begin), path.size());
    std::string const key = path.substr(begin, end - begin);
    if (!at->is_object() || !at->contains(key)) return std::nullopt;
    at = &(*at)[key];
    begin = end + 1;
  }
  if (!at->is_number()) return std::nullopt;
  return at->get<double>();
}

}  // namespace bsft
