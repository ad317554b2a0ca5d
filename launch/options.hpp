// One option table makes parsing, help and completion.
//
// A command declares its options; Arguments holds what was typed, checked: unknown options (with the nearest known
// one), missing and repeated values, and numbers that are not numbers throw Invalid(usage) in one line.  No
// abbreviations. Boost.Program_options underneath, guessing off.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace bsft {

struct Option {
  std::string name;   // "records" for --records
  std::string value;  // shown in help, "FILE"; empty: a switch
  std::string help;
  std::string default_value;  // empty: none
  bool required = false;
  bool repeats = false;  // --set a=1 --set b=2, or several values after one name
};

class Arguments {
 public:
  bool has(std::string const& name) const;          // typed by the user
  std::string text(std::string const& name) const;  // the default where not typed; empty where none
  std::int64_t integer(std::string const& name) const;
  double real(std::string const& name) const;
  std::vector<std::string> list(std::string const& name) const;
  std::vector<std::string> positional;

  std::map<std::string, std::vector<std::string>> values;  // typed ones and defaults
  std::set<std::string> typed;
};

struct Command {
  std::string name;        // "data build"
  std::string section;     // Prepare, Run, Judge, Share
  std::string summary;     // one line
  std::string positional;  // "FILE.h5", empty: none; a trailing … takes several; [FILE] may be left out; "-- COMMAND…"
  std::vector<Option> options;
  std::vector<std::string> examples;
  std::function<int(Arguments const&)> run;  // returns the exit code
};

Arguments parse(Command const& command, std::vector<std::string> const& words);
std::string help_of(Command const& command);

}  // namespace bsft
