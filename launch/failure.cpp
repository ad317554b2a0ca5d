#include "launch/failure.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "trainer/report/run_status.hpp"

namespace bsft {

void tell(std::vector<std::string> const& lines) {
  std::string text;
  for (std::string const& line : lines) text += "bsft: error: " + line + "\n";
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

bool first_to_fail(std::filesystem::path const& folder) {
  if (folder.empty()) return true;
  int const mark = ::open((folder / ".failed").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (mark >= 0) ::close(mark);
  return mark >= 0 || errno != EEXIST;
}

bool has_failed(std::filesystem::path const& folder) {
  std::error_code error;
  return !folder.empty() && std::filesystem::exists(folder / ".failed", error);
}

void note_failure(std::filesystem::path const& folder, Exit code, std::int64_t step, std::int64_t total_steps,
                  std::string const& message) {
  if (folder.empty()) return;
  try {
    write_status(folder, {"failed", static_cast<int>(code), step, total_steps, message});
  } catch (std::exception const&) {  // the line on standard error is all that is left
  }
}

void say_stopped(std::filesystem::path const& folder, std::int64_t step, std::int64_t total_steps,
                 std::string const& line) {
  if (has_failed(folder)) return;
  try {
    if (!folder.empty())
      write_status(folder, {"stopped", static_cast<int>(Exit::start_again), step, total_steps, line});
  } catch (std::exception const&) {  // the line on standard error is all that is left
  }
  std::fprintf(stderr, "bsft: %s\n", line.c_str());
  std::fflush(stderr);
}

bool tell_of_lost(FlightRecorder const& recorder, std::string const& line) {
  std::filesystem::path const folder = recorder.folder();
  if (!first_to_fail(folder)) return false;
  note_failure(folder, Exit::peer_lost, recorder.snapshot().step, recorder.total_steps(), line);
  tell({line});
  return true;
}

void act_on(Verdict const& verdict, Job& job, FlightRecorder const& recorder) {
  if (!verdict.ends_the_job) {
    std::fprintf(stderr, "bsft: warning: %s\n", verdict.line.c_str());
    return;
  }
  if (!tell_of_lost(recorder, verdict.line)) ::sleep(5);  // the one that speaks ends the job
  job.abort(static_cast<int>(Exit::peer_lost));
}

}  // namespace bsft
