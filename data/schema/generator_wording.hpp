// Fill {slots} of a wording.  Errors: Invalid(config) naming the slot and the known ones.
#pragma once

#include <map>
#include <string>

namespace bsft {

using Slots = std::map<std::string, std::string>;

std::string fill(std::string const& wording, Slots const& slots);

}  // namespace bsft
