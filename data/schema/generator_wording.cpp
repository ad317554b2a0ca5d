#include "data/schema/generator_wording.hpp"

#include <vector>

#include "data/base/error.hpp"

namespace bsft {

std::string fill(std::string const& wording, Slots const& slots) {
  std::string out;
  for (std::size_t at = 0; at < wording.size();) {
    auto const open = wording.find('{', at);
    out += wording.substr(at, open - at);
    if (open == std::string::npos) break;
    auto const close = wording.find('}', open);
    if (close == std::string::npos)
      throw Invalid(Exit::config, "wording \"" + wording + "\"", "a { without its }", "close it");
    auto const name = wording.substr(open + 1, close - open - 1);
    auto const found = slots.find(name);
    if (found == slots.end()) {
      std::string known;
      for (auto const& [slot, text] : slots) known += (known.empty() ? "" : ", ") + slot;
      throw Invalid(Exit::config, "wording \"" + wording + "\"", "no slot {" + name + "} here", "known: " + known);
    }
    out += found->second;
    at = close + 1;
  }
  return out;
}

}  // namespace bsft
