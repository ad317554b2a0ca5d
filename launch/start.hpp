// Begin a job, and end it for all ranks when one fails.
//
// start_job: MPI where a launcher started this process or parallel.backend asks for it (and then the world's size must
// be what the launcher promised), one rank without MPI otherwise. guarded(job, …) is a second catch beside main's,
// because here other ranks wait: what all ranks know (Told, NonFinite) is printed by rank 0 and every rank leaves with
// its code; what one rank alone met is printed by the first that fails, with the name of that rank and what it was
// doing, and the job is aborted with that code.  A rank that merely lost a peer lets others speak first. status.json
// says the same.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "trainer/comm/job.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

Reduction reduction_of(Config const& config);
std::unique_ptr<Job> start_job(Config const& config, FlightRecorder& recorder);

// What guarded() needs to know of the run, as far as it is known yet.
struct RunPlace {
  std::filesystem::path folder;  // empty: not claimed yet
  std::int64_t step = 0, total_steps = 0;
  bool without_evaluator = false;  // one was lost and will not come to the job's end
};

int guarded(Job& job, RunPlace const& place, FlightRecorder const& recorder, std::function<int()> const& body);

}  // namespace bsft
