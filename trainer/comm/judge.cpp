#include "trainer/comm/judge.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "data/base/error.hpp"

namespace bsft {
namespace {

constexpr double steps_allowed = 5;
char const* const again = "start again with --resume auto";

std::string seconds(double s) { return std::to_string(std::llround(s)) + " s"; }

bool ended(Snapshot const& rank) { return rank.activity == Activity::ending; }

}  // namespace

Judge::Judge(int ranks, int self, std::vector<int> judged, Causes causes, WatchLimits limits, double now)
    : self_(self),
      judged_(std::move(judged)),
      causes_(causes),
      limits_(limits),
      looked_(now),
      heard_(static_cast<std::size_t>(ranks), Heard{{}, now, now, false}) {}

void Judge::heard(int rank, Snapshot const& snapshot, double now) {
  Heard& heard = heard_[static_cast<std::size_t>(rank)];
  if (heard.last.progress != snapshot.progress) heard.moved = now;
  heard.last = snapshot;
  heard.at = now;
}

std::optional<Verdict> Judge::look(double now) {
  double const gap = now - std::exchange(looked_, now) - limits_.interval;
  if (gap > 2 * limits_.interval) {
    for (Heard& heard : heard_) {
      heard.at = std::min(now, heard.at + gap);
      heard.moved = std::min(now, heard.moved + gap);
    }
  }
  if (causes_ == Causes::silence) return silent(now, limits_.hang);
  if (auto verdict = mismatch()) return verdict;
  if (auto verdict = silent(now, limits_.hang)) return verdict;
  return stuck(now);
}

bool Judge::all_ended() const {
  return std::all_of(judged_.begin(), judged_.end(), [&](int r) { return r == self_ || ended(of(r).last); });
}

std::optional<Verdict> Judge::mismatch() const {
  struct Call {
    int rank;
    CollectiveNote note;
  };
  auto const same = [](Call const& a, Call const& b) {
    return a.note.verb == b.note.verb && a.note.bytes == b.note.bytes;
  };
  std::map<std::pair<std::int32_t, std::int64_t>, std::vector<Call>> calls;  // (communicator, sequence)
  for (int const r : judged_) {
    for (CollectiveNote const& note : of(r).last.last)
      if (note.sequence > 0) calls[{note.communicator, note.sequence}].push_back({r, note});
  }
  for (auto const& [key, ranks] : calls) {
    auto const agree = [&, &all = ranks](Call const& one) {
      return std::count_if(all.begin(), all.end(), [&](Call const& other) { return same(one, other); });
    };
    // The one with the fewest beside it, the last of several; against the one with the most.
    Call const *odd = &ranks.front(), *usual = odd;
    for (Call const& one : ranks) {
      if (agree(one) <= agree(*odd)) odd = &one;
      if (agree(one) > agree(*usual)) usual = &one;
    }
    if (same(*odd, *usual)) continue;
    Snapshot const &named = of(odd->rank).last, &other = of(usual->rank).last;
    return Verdict{true, odd->rank,
                   one_line(who(named) + " called " + text_of(odd->note) + " where " + who(other) + " called " +
                                text_of(usual->note),
                            doing(named) + "; the other: " + doing(other),
                            "ranks must call the same in the same order: please report this")};
  }
  return std::nullopt;
}

std::optional<Verdict> Judge::silent(double now, double limit) const {
  int longest = -1;
  for (int const r : judged_) {
    if (r == self_ || ended(of(r).last) || now - of(r).at < limit) continue;
    if (longest < 0 || of(r).at < of(longest).at) longest = r;
  }
  if (longest < 0) return std::nullopt;
  Heard const& heard = of(longest);
  return Verdict{true, longest,
                 one_line(who(heard.last) + " has not been heard for " + seconds(now - heard.at), doing(heard.last),
                          "it is stopped or its host is gone: " + std::string(again))};
}

bool Judge::is_stuck(int rank, double now, double limits) const {
  Heard const& heard = of(rank);
  Activity const activity = heard.last.activity;
  if (ended(heard.last) || activity == Activity::evaluation) return false;
  bool const starts =
      heard.last.median_step_seconds == 0 || activity == Activity::starting || activity == Activity::save;
  double const limit =
      starts ? limits_.startup : std::max(limits_.hang, steps_allowed * heard.last.median_step_seconds);
  return now - heard.moved >= limits * limit;
}

// The rank that the others wait for.
int Judge::in_the_way() const {
  return *std::min_element(judged_.begin(), judged_.end(), [&](int a, int b) {
    Snapshot const &x = of(a).last, &y = of(b).last;
    return std::pair(x.carried_out, x.in_collective()) < std::pair(y.carried_out, y.in_collective());
  });
}

std::optional<Verdict> Judge::stuck(double now) {
  auto const first = std::find_if(judged_.begin(), judged_.end(), [&](int r) { return is_stuck(r, now); });
  if (first == judged_.end()) return std::nullopt;
  // A rank that is stopped holds up the others: silence is the better word.
  if (auto verdict = silent(now, std::max(limits_.hang / 2, 3 * limits_.interval))) return verdict;
  int const rank = in_the_way();
  Heard& heard = heard_[static_cast<std::size_t>(rank)];
  Snapshot const& last = heard.last;
  if (ended(last)) {
    Snapshot const& waits = of(*first).last;
    return Verdict{
        true, rank,
        one_line(who(last) + " ends while " + who(waits) + " waits for it", doing(waits), "please report this")};
  }
  std::string const waited = seconds(now - of(*first).moved);
  if (!is_stuck(rank, now)) {
    if (heard.called_slow || !is_stuck(*first, now, 2)) return std::nullopt;
    heard.called_slow = true;
    return Verdict{
        false, rank,
        one_line(who(last) + " is slow: others have waited for it for " + waited, doing(last), "look at its host")};
  }
  bool const all_wait = std::all_of(judged_.begin(), judged_.end(), [&](int r) {
    Snapshot const& one = of(r).last;
    return one.in_collective() && one.carried_out == last.carried_out;
  });
  if (all_wait && judged_.size() > 1) {
    return Verdict{true, rank,
                   one_line("all " + std::to_string(judged_.size()) + " trainer ranks wait for each other since " +
                                seconds(now - heard.moved),
                            "the first is " + who(last) + ", " + doing(last),
                            "the network between them does not carry it: " + std::string(again))};
  }
  return Verdict{true, rank,
                 one_line(who(last) + " has not moved on for " + seconds(now - heard.moved), doing(last),
                          "see what it waits for on that host, or " + std::string(again))};
}

}  // namespace bsft
