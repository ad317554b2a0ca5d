#include "launch/not_finite.hpp"

#include <algorithm>

#include "data/base/json.hpp"
#include "trainer/report/run_events.hpp"

namespace bsft {

std::string names_of(std::vector<std::int64_t> const& records, TrainingData const& data) {
  return some_of(records, [&](std::int64_t record) { return data.record_name(record); });
}

void tell_not_finite(StepMetrics const& metrics, TrainingData const& data, int ranks,
                     std::filesystem::path const& run_dir, std::function<void(std::string const&)> const& say) {
  NotFinite const& found = *metrics.not_finite;
  std::string where;
  for (std::string const& rank : found.ranks) where += (where.empty() ? " on " : ", ") + rank;
  if (ranks > 1 && static_cast<int>(found.ranks.size()) == ranks) where = " on every rank";
  std::string const what = found.gradient_alone ? "gradient" : "loss";
  say("warning: the " + what + " of step " + std::to_string(metrics.step) + " is not finite" + where + " (records " +
      names_of(found.records, data) + ")" +
      (found.again ? ", nor when computed again: the step is skipped, " + std::to_string(metrics.skipped) + " so far"
                   : "; computed again it is, and is used: look at the memory and the heat of that machine"));
  OrderedJson event = {{"event", "not_finite"}, {"step", metrics.step}, {"of", what}, {"skipped", found.again}};
  event["ranks"] = found.ranks;
  event["records"] = OrderedJson::array();
  std::size_t const shown = std::min(found.records.size(), records_named);
  for (std::size_t i = 0; i < shown; ++i) event["records"].push_back(data.record_name(found.records[i]));
  event["more_records"] = found.records.size() - shown;
  note_event(run_dir, event);
}

}  // namespace bsft
