// Checks that the commands of the section Judge share: words out of a set, numbers with a floor, the machine's options.
// Errors: Invalid(usage) naming the option.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "kernels/op/op.hpp"
#include "launch/options.hpp"

namespace bsft {

inline std::string choice(std::string const& option, std::string const& value, std::vector<std::string> const& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return value;
  std::string list;
  for (auto const& one : known) list += (list.empty() ? "" : ", ") + one;
  std::string const near = nearest(value, known);
  throw Invalid(Exit::usage, "--" + option + " " + value, "it is one of " + list,
                near.empty() ? "" : "did you mean " + near + "?");
}

inline std::int64_t at_least(Arguments const& arguments, std::string const& option, std::int64_t floor) {
  std::int64_t const value = arguments.integer(option);
  if (value >= floor) return value;
  throw Invalid(Exit::usage, "--" + option + " " + std::to_string(value), "it is at least " + std::to_string(floor));
}

inline double real_at_least(Arguments const& arguments, std::string const& option, double floor) {
  double const value = arguments.real(option);
  if (value >= floor) return value;
  throw Invalid(Exit::usage, "--" + option + " " + arguments.text(option), "it is at least " + std::to_string(floor));
}

// --threads and --kernels.
inline void use_machine(Arguments const& arguments) {
  auto const threads = at_least(arguments, "threads", 0);
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  bool const fused = choice("kernels", arguments.text("kernels"), {"fused", "reference"}) == "fused";
  op::use(fused ? op::Path::fused : op::Path::reference);
}

}  // namespace bsft
