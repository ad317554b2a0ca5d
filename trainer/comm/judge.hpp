// Say which rank is in the way, from what was heard of each and when.
//
//   mismatch  two ranks carried out another verb, or other bytes, under one sequence of one communicator: at once
//   silent    nothing was heard of a rank for `hang` s, whatever it does: heartbeats come from a thread of their own
//   stuck     its progress has not moved for its limit
//   all wait  all are stuck within the same collective
//
// The limit is max(hang, 5 x the rank's median step); `startup` before its first step is done, and while it starts or
// saves; none while it waits for an evaluation.
// Of several stuck ranks the one is named that carried out the fewest collectives, among equals the one outside of
// them; one that is ending too, if others wait for it.  If that one still moves it is only slow: a remark after twice
// the limit, once a rank.
// Who looks too late was itself suspended: nobody is blamed for that time.
// `now` is of a monotonic clock, s.  Pure but for what was heard.  Threads: one.
// Source: the order of causes is PyTorch's flight-recorder analysis; tests/comm/judge_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/comm/flight_recorder.hpp"

namespace bsft {

struct WatchLimits {
  double hang = 30, startup = 600;  // s
  double interval = 1;              // s between heartbeats, and between looks
};

struct Verdict {
  bool ends_the_job = true;  // false: a remark
  int rank = 0;
  std::string line;  // what (why) what to do
};

class Judge {
 public:
  enum class Causes { all, silence };
  // Watches `judged` of `ranks` trainer ranks; `self` can be stuck but not silent.
  Judge(int ranks, int self, std::vector<int> judged, Causes causes, WatchLimits limits, double now);
  // Of every rank once before the first look.
  void heard(int rank, Snapshot const& snapshot, double now);
  std::optional<Verdict> look(double now);
  // All judged ranks but `self` have said that they end.
  bool all_ended() const;

 private:
  struct Heard {
    Snapshot last;
    double at = 0, moved = 0;  // when it was heard, when its progress moved
    bool called_slow = false;
  };
  std::optional<Verdict> mismatch() const;
  std::optional<Verdict> silent(double now, double limit) const;
  std::optional<Verdict> stuck(double now);
  bool is_stuck(int rank, double now, double limits = 1) const;
  int in_the_way() const;
  Heard const& of(int rank) const { return heard_[static_cast<std::size_t>(rank)]; }

  int self_;
  std::vector<int> judged_;
  Causes causes_;
  WatchLimits limits_;
  double looked_;
  std::vector<Heard> heard_;  // [W]
};

}  // namespace bsft
