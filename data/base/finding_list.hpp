// Collect findings about one input and throw them together: every one counted, the first 20 kept as lines.
//
// Requires nothing; throw_any throws Findings with the given exit code where something was found.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/base/error.hpp"

namespace bsft {

class FindingList {
 public:
  static constexpr std::size_t shown = 20;

  void add(std::string line) {
    ++count_;
    if (lines_.size() < shown) lines_.push_back(std::move(line));
  }
  std::size_t count() const { return count_; }
  // The kept lines, and a last one that says how many more there are.
  std::vector<std::string> lines() const {
    auto lines = lines_;
    if (count_ > lines_.size()) lines.push_back("… and " + std::to_string(count_ - lines_.size()) + " more");
    return lines;
  }
  void throw_any(Exit code) const {
    if (count_ != 0) throw Findings(code, lines());
  }

 private:
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

}  // namespace bsft
