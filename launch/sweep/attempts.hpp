// What was tried with a run of a sweep: a JSON line when an attempt starts, and one when it ends.
//
//   {"event": "started", "ranks", "host", "job"}
//   {"event": "ended", "exit_code", "error", "step", "seconds"}     none where the one who started it was killed
// Several processes may write, also of other hosts: a line is one write (append_line).  Errors: Failed(io).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace bsft {

struct AttemptEnd {
  int exit_code = 0;
  std::string error;      // the last line of what it said
  std::int64_t step = 0;  // steps done by now
  double seconds = 0;     // that this attempt took
};

struct Attempts {
  int started = 0, failed = 0;     // failed: neither done nor saved to go on later
  std::int64_t ranks = 0;          // of the last one
  std::optional<AttemptEnd> last;  // of the last one; empty where that has not ended, or was killed
  std::optional<double> seconds;   // of all; empty where one left no word
};

void note_start(std::filesystem::path const& file, std::int64_t ranks);
void note_end(std::filesystem::path const& file, AttemptEnd const& end);
Attempts read_attempts(std::filesystem::path const& file);

}  // namespace bsft
