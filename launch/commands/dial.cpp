#include "launch/commands/dial.hpp"

#include <algorithm>
#include <charconv>

#include "data/base/error.hpp"
#include "launch/commands/choices.hpp"

namespace bsft {
namespace {

using Kind = DialSetting::Kind;

std::size_t place(std::vector<std::string> const& names, std::string const& name) {
  choice("dial", name, names);
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

DialSetting turned(std::string const& text, std::vector<std::string> const& names) {
  auto const refuse = [&](std::string const& why) {
    throw Invalid(Exit::usage, "--dial " + text, why,
                  "write FROM:TOWARD=SHARE, for example " + names.front() + ":" + names.back() + "=0.3");
  };
  std::size_t const equals = text.rfind('=');
  if (equals == std::string::npos) refuse("no share");
  std::string const which = text.substr(0, equals), number = text.substr(equals + 1);
  float share = -1;
  auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), share);
  if (error != std::errc() || end != number.data() + number.size() || !(share >= 0 && share <= 1))
    refuse("the share is a number from 0 to 1");
  std::size_t const colon = which.find(':');
  std::size_t const toward = place(names, colon == std::string::npos ? which : which.substr(colon + 1));
  if (colon == std::string::npos && names.size() != 2)
    refuse("there are " + std::to_string(names.size()) + " behaviours, so where it is turned from must be said");
  std::size_t const from = colon == std::string::npos ? 1 - toward : place(names, which.substr(0, colon));
  DialSetting setting;
  setting.name = names[from] + ":" + names[toward] + "=" + number;
  setting.kind = Kind::dial;
  setting.dial = {static_cast<std::int32_t>(from), static_cast<std::int32_t>(toward), share};
  return setting;
}

}  // namespace

std::vector<DialSetting> dial_settings(Arguments const& arguments, BehaviorMap const& behaviors) {
  std::vector<std::string> names;
  for (BehaviorToken const& behavior : behaviors.tokens) names.push_back(behavior.name);
  std::vector<std::string> known{"self", "none", "all"};
  known.insert(known.begin(), names.begin(), names.end());
  std::vector<DialSetting> settings;
  auto const add = [&](std::string const& name) {
    if (std::any_of(settings.begin(), settings.end(), [&](auto const& one) { return one.name == name; })) return;
    auto const at = std::find(names.begin(), names.end(), name);
    Kind const kind = name == "self" ? Kind::self : name == "none" ? Kind::none : Kind::behavior;
    settings.push_back({name, kind, static_cast<std::size_t>(at - names.begin()), {}});
  };
  for (std::string const& wanted : arguments.list("behavior")) {
    choice("behavior", wanted, known);
    if (wanted != "all") {
      add(wanted);
      continue;
    }
    add("self");
    for (std::string const& name : names) add(name);
    add("none");
  }
  for (std::string const& wanted : arguments.list("dial")) settings.push_back(turned(wanted, names));
  if (settings.empty()) add("self");
  return settings;
}

}  // namespace bsft
