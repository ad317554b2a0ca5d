// What a prompt is answered under: the settings of --behavior and --dial, in the order they were typed.
//
//   --behavior self | none | NAME | all           all: self, every behaviour, none
//   --dial [FROM:]TOWARD=SHARE                    FROM's row turned by SHARE in [0,1] towards TOWARD's
// FROM may be left out where there are two behaviours.  Without either option the only setting is self.
// Errors: Invalid(usage) naming the option.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizer/behavior_map.hpp"
#include "launch/options.hpp"
#include "trainer/model/decoding.hpp"

namespace bsft {

struct DialSetting {
  enum class Kind { self, none, behavior, dial };
  std::string name;  // as it is shown
  Kind kind = Kind::self;
  std::size_t behavior = 0;  // Kind::behavior
  BehaviorDial dial;         // Kind::dial
};

std::vector<DialSetting> dial_settings(Arguments const& arguments, BehaviorMap const& behaviors);

}  // namespace bsft
