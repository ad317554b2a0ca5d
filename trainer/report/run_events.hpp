// events.jsonl of a run: what happened beside its steps, a JSON object a line: {"event": its kind, …}.
//
// Kinds: resumed, restart, save, memory, straggler, not_finite, damaged_chunk, evaluator_lost, evaluation_wait; who
// notes one says in its header what it holds. Requires: nothing of others, as a line is one write.  Errors: Failed(io).
#pragma once

#include <filesystem>
#include <vector>

#include "data/base/json.hpp"

namespace bsft {

void note_event(std::filesystem::path const& run_dir, OrderedJson const& event);
std::vector<Json> read_events(std::filesystem::path const& run_dir);

}  // namespace bsft
