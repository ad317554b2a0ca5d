// What a rank planned to take of its host's memory, and the most that it took, for events.jsonl and the report.
//
//   {"event": "memory", "step", "ranks": [{rank, host, on_device, before, available, weights, gradient, moments,
//    partial, frozen, passing, accumulating, copy, peak}]}                              bytes
// before, available: resident, and left on the host, before the model was built; weights to accumulating: the plan of
// trainer/loop/memory.hpp, zero where the model lies on a GPU; copy: of a save; peak: the largest resident memory so
// far.  Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/loop/memory.hpp"

namespace bsft {

struct MemoryRecord {
  int rank = 0;
  std::string host;
  bool on_device = false;
  std::int64_t before = 0, available = 0;
  ModelMemory plan;
  std::int64_t copy = 0, peak = 0;
};

std::string to_line(MemoryRecord const& record);
// From the lines of all ranks.
OrderedJson memory_event(std::int64_t step, std::vector<std::string> const& lines);

}  // namespace bsft
