#include "trainer/evaluate/results.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/base/error.hpp"
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
  choice.label = scores.answer ? scores.answer->label : likeliest(scores.sum);
  return choice;
}

OrderedJson results_of(StoreReader const& reader, std::span<ScoredRecord const> scored,
                       ResultSettings const& settings) {
  Catalog const& catalog = reader.catalog();
  std::vector<std::string> const& suites = settings.suites.empty() ? catalog.suites : settings.suites;
  OrderedJson conditions = OrderedJson::object(), steer = OrderedJson::object(), unavailable = OrderedJson::object();
  for (std::string const& suite : suites) steer[suite] = OrderedJson::object();
  for (Condition const condition : settings.conditions) {
    bool const available = std::any_of(scored.begin(), scored.end(), [&](ScoredRecord const& record) {
      return choose(condition, reader.records()[static_cast<std::size_t>(record.record)], record).scores != nullptr;
    });
    std::string const name(name_of(condition));
    if (!available) {
      unavailable[name] = why_not(condition);
      continue;
    }
    for (std::string const& suite : suites) {
      SuiteView const view(reader, scored, suite);
      conditions[name]["suites"][suite] = view.scores(condition, settings.bootstrap, settings.split);
      if (condition == Condition::self) steer[suite]["selection"] = view.selection();
      if (auto rates = view.action_rates(condition); !rates.empty()) steer[suite]["conditions"][name] = rates;
    }
  }
  std::vector<std::string> order{"self", "right", "none"};
  if (settings.given) order = {"right", "none", "self"};
  OrderedJson results;
  results["split"] = std::string(name_of(settings.split));
  results["records"] = scored.size();
  results["headline"] = "";
  for (std::string const& name : order) {
    if (!conditions.contains(name)) continue;
    results["headline"] = name;
    results["suites"] = conditions[name]["suites"];
    break;
  }
  results["conditions"] = std::move(conditions);
  results["steer"] = std::move(steer);
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
