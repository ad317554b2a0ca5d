#include "trainer/evaluate/passes.hpp"

#include <algorithm>

namespace bsft {

std::vector<ScoredRecord> score_in_passes(StoreReader const& reader, PromptSource const& prompts,
                                          ScoringSettings const& settings, std::span<std::int64_t const> records,
                                          std::function<std::int64_t(TaskId)> const& room,
                                          std::function<void(Members, std::vector<ScoredRecord>&)> const& run,
                                          std::function<void(std::size_t done)> const& tell) {
  std::vector<ScoredRecord> results(records.size());
  std::vector<ConditionPrompts> members;
  std::int64_t tokens = 0, passes = 0;
  auto const cost = [&](ConditionPrompts const& own) {
    auto const answered =
        std::count_if(own.prompts.begin(), own.prompts.end(), [](auto const& prompt) { return !prompt.empty(); });
    return static_cast<std::int64_t>(new_tokens(members.empty() ? nullptr : &members.back(), own)) +
           answered * room(own.task);
  };
  auto const end_pass = [&](std::size_t done) {
    if (settings.part.has(passes++)) {
      for (ConditionPrompts const& member : members) {
        results[member.result].record = member.record;
        results[member.result].forced.resize(settings.uses.size());
      }
      run(members, results);
    }
    members.clear();
    tokens = 0;
    if (tell) tell(done);
  };
  for (std::size_t i = 0; i < records.size(); ++i) {
    ConditionPrompts own = condition_prompts(reader, prompts, settings, records[i], i);
    if (!members.empty() && tokens + cost(own) > settings.max_tokens) end_pass(i);
    tokens += cost(own);
    members.push_back(std::move(own));
  }
  if (!members.empty()) end_pass(records.size());
  std::erase_if(results, [](ScoredRecord const& result) { return result.record < 0; });
  return results;
}

}  // namespace bsft
