// Read a JSON file whose parts may be absent, but not of another kind.
//
//   Part const results(json, "results.json");
//   results["suites"]["full"]["overall"]["accuracy"].number()
// What is absent or null has no value; what has another type than is asked for throws Broken in one line that names the
// path.  At most `most_members` members of an object or array are given: a page stays a page.
// The JSON must live as long as its parts.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/base/json.hpp"

namespace bsft::page {

class Part {
 public:
  static constexpr std::size_t most_members = 60;

  Part(OrderedJson const& json, std::string where) : Part(&json, std::move(where)) {}
  explicit operator bool() const { return json_ != nullptr; }
  Part operator[](std::string const& key) const;  // of an object
  std::optional<double> number() const;
  std::string text() const;                                   // at most 2,000 bytes; empty where absent
  bool flag() const;                                          // false where absent
  std::optional<std::pair<double, double>> interval() const;  // [low, high]
  std::vector<std::pair<std::string, Part>> members() const;
  std::vector<Part> items() const;
  std::string const& where() const { return where_; }

 private:
  Part(OrderedJson const* json, std::string where);
  [[noreturn]] void refuse(char const* wanted) const;

  OrderedJson const* json_;  // null: absent
  std::string where_;
};

// Cut at a character's border, with an ellipsis.
std::string shortened(std::string text, std::size_t bytes);

}  // namespace bsft::page
