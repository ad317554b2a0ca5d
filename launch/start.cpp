#include "launch/start.hpp"

#include <unistd.h>

#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "launch/failure.hpp"
#include "launch/help.hpp"
#include "launch/world.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/loop/step.hpp"

namespace bsft {
namespace {

constexpr unsigned others_first = 3;  // s: who knows which rank was lost speaks before who met the loss

// The failing rank's name before the line, where there are others.
std::string named(Job const& job, FlightRecorder const& recorder, std::string const& line) {
  if (job.size() == 1) return line;
  Snapshot const now = recorder.snapshot();
  return who(now) + ", " + name_of(now.activity) + (now.step > 0 ? " of step " + std::to_string(now.step) : "") + ": " +
         line;
}

}  // namespace

Reduction reduction_of(Config const& config) {
  return config.parallel.reduction == "fast" ? Reduction::fast : Reduction::exact;
}

std::unique_ptr<Job> start_job(Config const& config, FlightRecorder& recorder) {
  Environment const environment = this_environment();
  bool const alone =
      config.parallel.backend == "self" || (config.parallel.backend == "auto" && !is_launched(environment));
  if (alone) {
    check_world(1, environment, "none (parallel.backend: self)");
    return Job::alone();
  }
  std::unique_ptr<Job> job = Job::over_mpi(&recorder);
  check_world(job->size(), environment, mpi_library());
  return job;
}

int guarded(Job& job, RunPlace const& place, FlightRecorder const& recorder, std::function<int()> const& body) {
  auto const speak = [&](Exit code, std::vector<std::string> const& lines) {
    if (code == Exit::start_again) return say_stopped(place.folder, place.step, place.total_steps, lines.front());
    note_failure(place.folder, code, place.step, place.total_steps, lines.front());
    tell(lines);
  };
  auto const end = [&](Exit code, std::vector<std::string> lines, bool known_to_all) {
    if (!known_to_all) {
      for (std::string& line : lines) line = named(job, recorder, line);
      if (code == Exit::peer_lost && job.size() > 1) ::sleep(others_first);
    }
    bool const speaks = known_to_all ? job.rank() == 0 : first_to_fail(place.folder);
    if (speaks) {
      speak(code, lines);
    } else {
      ::sleep(15);  // the one that speaks ends the job
    }
    job.abort(static_cast<int>(code));
    return static_cast<int>(code);
  };
  try {
    return body();
  } catch (Told const& told) {
    if (job.rank() == 0) speak(told.code(), told.lines());
    if (!job.wait_for_all(2)) job.abort(static_cast<int>(told.code()));  // an evaluator that was not told
    return static_cast<int>(told.code());
  } catch (NonFinite const& error) {
    return end(error.code(), {error.what()}, true);
  } catch (Findings const& findings) {
    return end(findings.code(), findings.lines(), false);
  } catch (Error const& error) {
    return end(error.code(), {error.what()}, false);
  } catch (std::exception const& error) {
    std::string const what = error.what();
    return end(Exit::internal, {one_line("internal error", what.substr(0, what.find('\n')), "please report this")},
               false);
  }
}

}  // namespace bsft
