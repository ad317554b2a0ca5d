// Say what went wrong in one line: what (why) what to do.
//
// Every failure that reaches a user is an Error with the process exit code of the command-line contract
// (sysexits where one fits).  launch/main.cpp holds the only catch.  Return values say expected cases.
//   Invalid      a user's input: configuration, command line, records
//   Broken       a damaged file
//   Unavailable  a backend or device that is not here
//   Failed       a call of MPI, NCCL, CUDA, HDF5 or the operating system, with its code
// Destructors never throw.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bsft {

enum class Exit : int {
  done = 0,
  usage = 64,
  data = 65,
  unavailable = 69,
  internal = 70,
  locked = 73,
  io = 74,
  start_again = 75,
  resume_mismatch = 76,
  config = 78,
  non_finite = 86,
  peer_lost = 87,
  evaluation_incomplete = 88,
};

// `what (why) fix`; why and fix may be empty.
std::string one_line(std::string_view what, std::string_view why, std::string_view fix);

class Error : public std::runtime_error {
 public:
  Error(Exit code, std::string_view what, std::string_view why = {}, std::string_view fix = {});
  Exit code() const noexcept { return code_; }

 private:
  Exit code_;
};

struct Invalid : Error {
  Invalid(Exit code, std::string_view what, std::string_view why = {}, std::string_view fix = {})
      : Error(code, what, why, fix) {}
};

struct Broken : Error {
  explicit Broken(std::string_view what, std::string_view why = {}, std::string_view fix = {})
      : Error(Exit::data, what, why, fix) {}
};

struct Unavailable : Error {
  explicit Unavailable(std::string_view what, std::string_view why = {}, std::string_view fix = {})
      : Error(Exit::unavailable, what, why, fix) {}
};

struct Failed : Error {
  Failed(Exit code, std::string_view what, std::string_view why = {}, std::string_view fix = {})
      : Error(code, what, why, fix) {}
};

// Several findings about one input, thrown together: one line each, the exit code of the input's kind.
class Findings : public Error {
 public:
  Findings(Exit code, std::vector<std::string> lines);
  std::vector<std::string> const& lines() const noexcept { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// Our own promise: throws Error(internal) naming the place.
void ensure(bool holds, std::string_view promise);

// "a, b, c"
std::string joined(std::vector<std::string> const& words);

// What to do about a damaged data file.
constexpr char const* build_again = "build it again with bsft data build";

// The known name nearest to `name` by edit distance, or empty where none is near.
std::string nearest(std::string_view name, std::vector<std::string> const& known);

}  // namespace bsft
