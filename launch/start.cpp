#include "launch/start.hpp"

#include <fcntl.h>
#include <mpi.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "launch/world.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/loop/step.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {
namespace {

std::string mpi_library() {
  char words[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(words, &length);
  std::string const text(words, static_cast<std::size_t>(length));
  return text.substr(0, text.find_first_of(",\n"));
}

void tell(std::vector<std::string> const& lines) {
  std::string text;
  for (std::string const& line : lines) text += "bsft: error: " + line + "\n";
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void note_failure(RunPlace const& place, Exit code, std::string const& message) {
  if (place.folder.empty()) return;
  try {
    write_status(place.folder, {"failed", static_cast<int>(code), place.step, place.total_steps, message});
  } catch (std::exception const&) {  // the line on standard error is all that is left
  }
}

// True for the first of the ranks that fail; rank 0 removed the mark of an earlier attempt when it claimed the folder.
bool first_to_fail(RunPlace const& place) {
  if (place.folder.empty()) return true;
  int const mark = ::open((place.folder / ".failed").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (mark >= 0) ::close(mark);
  return mark >= 0 || errno != EEXIST;
}

}  // namespace

std::unique_ptr<Job> start_job(Config const& config) {
  Environment const environment = this_environment();
  bool const alone =
      config.parallel.backend == "self" || (config.parallel.backend == "auto" && !is_launched(environment));
  if (alone) {
    check_world(1, environment, "none (parallel.backend: self)");
    return Job::alone();
  }
  std::unique_ptr<Job> job = Job::over_mpi();
  check_world(job->size(), environment, mpi_library());
  return job;
}

int guarded(Job& job, RunPlace const& place, std::function<int()> const& body) {
  auto const end = [&](Exit code, std::vector<std::string> const& lines, bool known_to_all) {
    bool const speaks = known_to_all ? job.rank() == 0 : first_to_fail(place);
    if (speaks) {
      note_failure(place, code, lines.front());
      tell(lines);
    } else {
      ::sleep(15);  // the one that speaks ends the job
    }
    job.abort(static_cast<int>(code));
    return static_cast<int>(code);
  };
  try {
    return body();
  } catch (Told const& told) {
    if (job.rank() == 0) {
      note_failure(place, told.code(), told.lines().front());
      tell(told.lines());
    }
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
