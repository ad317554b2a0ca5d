// Score records in passes of at most settings.max_tokens (a larger record stands alone), those of settings.part alone.
//
// A record costs the tokens that are new in the pass (condition_prompts.hpp) and `room` for what follows each of its
// prompts.  So which records a pass holds, and with it their bits, depends on the records and the settings, not on the
// part.
//   run   scores members into results[member.result]
//   tell  called after each pass with the records done, or passed over; may be empty
//   result  one entry a record of the part, in the order asked for
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/store/reader.hpp"
#include "trainer/evaluate/condition_prompts.hpp"
#include "trainer/evaluate/scored_record.hpp"

namespace bsft {

using Members = std::span<ConditionPrompts const>;

std::vector<ScoredRecord> score_in_passes(StoreReader const& reader, PromptSource const& prompts,
                                          ScoringSettings const& settings, std::span<std::int64_t const> records,
                                          std::function<std::int64_t(TaskId)> const& room,
                                          std::function<void(Members, std::vector<ScoredRecord>&)> const& run,
                                          std::function<void(std::size_t done)> const& tell);

}  // namespace bsft
