#include "launch/straggler_watch.hpp"

#include <cstdio>
#include <utility>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/report/run_events.hpp"

namespace bsft {

StragglerWatch::StragglerWatch(Communicator& trainers, FlightRecorder const& recorder,
                               std::filesystem::path const& run_dir, std::function<void(std::string const&)> say)
    : trainers_(trainers), recorder_(recorder), run_dir_(run_dir), say_(std::move(say)) {}

void StragglerWatch::step(StepMetrics const& metrics) {
  constexpr std::int64_t every = 20;  // steps between exchanges
  worked_ += metrics.seconds.data + metrics.seconds.forward + metrics.seconds.backward + metrics.seconds.optimizer;
  if (trainers_.size() == 1 || metrics.step % every != 0) return;
  std::vector<double> seconds;
  std::vector<std::string> names;
  for (std::string const& theirs : trainers_.exchange(std::to_string(worked_) + " " + who(recorder_.snapshot()))) {
    std::size_t const space = theirs.find(' ');
    seconds.push_back(std::stod(theirs.substr(0, space)));
    names.push_back(theirs.substr(space + 1));
  }
  worked_ = 0;
  if (!stragglers_) stragglers_.emplace(trainers_.size(), 10.0);
  for (Straggler const& one : stragglers_->add(seconds)) {
    if (trainers_.rank() != 0) continue;
    std::string const& name = names[static_cast<std::size_t>(one.rank)];
    char score[16];
    std::snprintf(score, sizeof score, "%.2f", one.score);
    say_("warning: " + name + " works at " + score + " of the fastest rank's speed for " +
         std::to_string(static_cast<int>(one.seconds)) + " s: look at its clocks, its memory and what else runs there");
    OrderedJson const event = {
        {"event", "straggler"}, {"step", metrics.step}, {"rank", one.rank}, {"score", one.score}};
    note_event(run_dir_, event);
  }
}

}  // namespace bsft
