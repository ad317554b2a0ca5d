// The first rank that fails speaks for all: on standard error, and in status.json.
//
// first_to_fail: true for the first of the ranks of a run that ask; the mark is RUN_DIR/.failed, which rank 0 removes
// when it claims the folder.  An empty folder is one not claimed yet: everyone is first.
// Errors: none; where the disk refuses, the line on standard error is all that is left.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/comm/judge.hpp"

namespace bsft {

void tell(std::vector<std::string> const& lines);
bool first_to_fail(std::filesystem::path const& folder);
// Whether one has.
bool has_failed(std::filesystem::path const& folder);
void note_failure(std::filesystem::path const& folder, Exit code, std::int64_t step, std::int64_t total_steps,
                  std::string const& message);
// The run ends as it was asked to, unless one has failed before: status.json and a line that is no error.
void say_stopped(std::filesystem::path const& folder, std::int64_t step, std::int64_t total_steps,
                 std::string const& line);
// What is known of a lost rank, unless another spoke first.  Returns whether it was said.
bool tell_of_lost(FlightRecorder const& recorder, std::string const& line);
// What the watch found; ends the job with peer_lost where that is the verdict.
void act_on(Verdict const& verdict, Job& job, FlightRecorder const& recorder);

}  // namespace bsft
