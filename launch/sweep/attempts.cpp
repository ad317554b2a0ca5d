#include "launch/sweep/attempts.hpp"

#include <cstdlib>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

void append(std::filesystem::path const& file, OrderedJson const& json) {
  append_line(file, json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

template <class T>
T member(Json const& json, char const* key, T otherwise) {
  auto const found = json.find(key);
  bool const fits = found != json.end() && (std::is_same_v<T, std::string> ? found->is_string() : found->is_number());
  return fits ? found->template get<T>() : otherwise;
}

}  // namespace

void note_start(std::filesystem::path const& file, std::int64_t ranks) {
  char const* const job = std::getenv("SLURM_JOB_ID");
  append(file,
         {{"event", "started"}, {"ranks", ranks}, {"host", this_host().name}, {"job", job == nullptr ? "" : job}});
}

void note_end(std::filesystem::path const& file, AttemptEnd const& end) {
  append(file, {{"event", "ended"},
                {"exit_code", end.exit_code},
                {"error", end.error},
                {"step", end.step},
                {"seconds", end.seconds}});
}

Attempts read_attempts(std::filesystem::path const& file) {
  Attempts attempts;
  int ended = 0;
  double seconds = 0;
  for (Json const& line : read_json_lines(file)) {
    std::string const event = member<std::string>(line, "event", "");
    if (event == "started") {
      ++attempts.started;
      attempts.ranks = member<std::int64_t>(line, "ranks", 0);
      attempts.last.reset();
    }
    if (event != "ended") continue;
    ++ended;
    AttemptEnd const end{member<int>(line, "exit_code", 0), member<std::string>(line, "error", ""),
                         member<std::int64_t>(line, "step", 0), member<double>(line, "seconds", 0)};
    if (end.exit_code != 0 && end.exit_code != static_cast<int>(Exit::start_again)) ++attempts.failed;
    seconds += end.seconds;
    attempts.last = end;
  }
  if (ended > 0 && ended == attempts.started) attempts.seconds = seconds;
  return attempts;
}

}  // namespace bsft
