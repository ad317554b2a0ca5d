#include "trainer/loop/skipped_steps.hpp"

#include "data/base/error.hpp"

namespace bsft {

void SkippedSteps::add(std::int64_t step) {
  ensure(recent.empty() || step > recent.back(), "steps are skipped in their order");
  ++total;
  recent.push_back(step);
  std::erase_if(recent, [step](std::int64_t one) { return one <= step - window; });
}

std::string SkippedSteps::too_many() const {
  auto const count = static_cast<std::int64_t>(recent.size());
  if (count >= in_a_row && recent.back() - recent[recent.size() - in_a_row] == in_a_row - 1)
    return std::to_string(in_a_row) + " steps in a row";
  if (count >= in_window) return std::to_string(count) + " of the last " + std::to_string(window) + " steps";
  return {};
}

}  // namespace bsft
