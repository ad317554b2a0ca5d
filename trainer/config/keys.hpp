// One table of all keys: name, member, unit, range, choices, help.
//
// It drives parsing, range checks, to_yaml, difference, `bsft config keys` and the nearest-name search; a default is
// the member's own initialiser in config.hpp.  A key that is not here does not exist.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "trainer/config/config.hpp"

namespace bsft {

// The member a key sets, in one Config.
using Field = std::variant<std::string*, std::int64_t*, std::uint64_t*, double*, bool*, std::vector<std::string>*>;

struct Range {
  enum class Ends { closed, open_below, open_above, open };
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  Ends ends = Ends::closed;
  bool holds(double value) const;
  std::string text() const;  // ">= 1", "0 … 1", "> 0"
};

struct Key {
  std::string name;  // "optimizer.learning_rate"
  Field (*field)(Config&);
  std::string help;
  std::string unit = {};                    // "tokens"; empty: none
  Range range = {};                         // of numbers
  std::vector<std::string> choices = {};    // of text and of a list's elements; empty: free
  std::vector<std::string> not_built = {};  // choices whose code does not exist yet
};

std::vector<Key> const& keys();
Key const* find_key(std::string const& name);
std::vector<std::string> key_names();
// "optimizer", …: what stands before the last dot of some key, with its own parents.
bool is_section(std::string const& name);
// The value as YAML of one line.
std::string written(Key const& key, Config const& config);
// configs/README.md: what `bsft config keys` prints.  Only keys whose name or help has `pattern`; the table alone then.
std::string keys_markdown(std::string const& pattern = {});

}  // namespace bsft
