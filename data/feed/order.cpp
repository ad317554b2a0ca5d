#include "data/feed/order.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

enum Purpose : std::uint64_t { shuffle_members = 1, shuffle_units = 2 };

}  // namespace

std::vector<std::int64_t> trainable_records(std::vector<RecordInfo> const& records, std::int64_t max_length,
                                            TooLong policy) {
  std::vector<std::int64_t> chosen;
  std::int64_t too_long = 0, first = -1;
  for (std::size_t r = 0; r < records.size(); ++r) {
    if (records[r].split != Split::train) continue;
    if (records[r].length > max_length) {
      if (too_long++ == 0) first = static_cast<std::int64_t>(r);
      continue;
    }
    chosen.push_back(static_cast<std::int64_t>(r));
  }
  if (too_long > 0 && policy == TooLong::error) {
    throw Invalid(Exit::data, std::to_string(too_long) + " training records are longer than data.max_length",
                  "the first is record " + std::to_string(first) + " with " +
                      std::to_string(records[static_cast<std::size_t>(first)].length) + " tokens, data.max_length is " +
                      std::to_string(max_length),
                  "raise data.max_length, or set data.overlong: drop");
  }
  if (chosen.empty()) {
    throw Invalid(Exit::data, "no record to train on",
                  "none of the " + std::to_string(records.size()) + " records is of split train and short enough",
                  "build the data file with a train split");
  }
  return chosen;
}

Order::Order(std::vector<RecordInfo> const& records, std::vector<std::int64_t> const& chosen, OrderSettings settings)
    : settings_(settings), chosen_(chosen) {
  ensure(!chosen_.empty() && settings_.group_size >= 1 && settings_.global_batch_size >= 1,
         "an order has records, a group size and a batch size");
  auto const case_of = [&](std::int64_t r) { return records[static_cast<std::size_t>(r)].case_index; };
  std::sort(chosen_.begin(), chosen_.end(),
            [&](std::int64_t a, std::int64_t b) { return std::tuple(case_of(a), a) < std::tuple(case_of(b), b); });
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    if (i == 0 || case_of(chosen_[i]) != case_of(chosen_[i - 1])) case_begins_.push_back(i);
  }
  case_begins_.push_back(chosen_.size());
  for (std::size_t c = 0; c + 1 < case_begins_.size(); ++c) {
    auto const members = static_cast<std::int64_t>(case_begins_[c + 1] - case_begins_[c]);
    units_ += (members + settings_.group_size - 1) / settings_.group_size;
  }
  double const mean_unit = static_cast<double>(chosen_.size()) / static_cast<double>(units_);
  units_per_step_ =
      std::max<std::int64_t>(1, std::llround(static_cast<double>(settings_.global_batch_size) / mean_unit));
}

std::pair<std::int64_t, std::int64_t> Order::units_of(std::int64_t step) const {
  std::int64_t const begin = (step % steps_per_epoch()) * units_per_step_;
  return {begin, std::min(begin + units_per_step_, units_)};
}

std::vector<Unit> Order::epoch(std::int64_t epoch) const {
  auto const turn = static_cast<std::uint64_t>(epoch);
  auto const group = static_cast<std::size_t>(settings_.group_size);
  using Key = std::pair<std::uint64_t, std::int64_t>;  // the index breaks ties of the mix
  std::vector<Unit> units;
  units.reserve(static_cast<std::size_t>(units_));
  std::vector<Key> members;
  for (std::size_t c = 0; c + 1 < case_begins_.size(); ++c) {
    members.clear();
    for (std::size_t i = case_begins_[c]; i < case_begins_[c + 1]; ++i) {
      members.emplace_back(mix(settings_.seed, turn, static_cast<std::uint64_t>(chosen_[i]), shuffle_members),
                           chosen_[i]);
    }
    if (members.size() > 1) std::sort(members.begin(), members.end());
    for (std::size_t begin = 0; begin < members.size(); begin += group) {
      Unit unit;
      for (std::size_t i = begin; i < std::min(begin + group, members.size()); ++i) unit.push_back(members[i].second);
      units.push_back(std::move(unit));
    }
  }
  std::vector<Key> places(units.size());
  for (std::size_t u = 0; u < units.size(); ++u) {
    places[u] = {mix(settings_.seed, turn, static_cast<std::uint64_t>(u), shuffle_units), static_cast<std::int64_t>(u)};
  }
  std::sort(places.begin(), places.end());
  std::vector<Unit> order;
  order.reserve(units.size());
  for (Key const& place : places) order.push_back(std::move(units[static_cast<std::size_t>(place.second)]));
  return order;
}

}  // namespace bsft
