#include "data/base/error.hpp"

#include <algorithm>
#include <numeric>

#include "data/base/terminal.hpp"

namespace bsft {

std::string one_line(std::string_view what, std::string_view why, std::string_view fix) {
  std::string line(what);
  if (!why.empty()) line.append(" (").append(why).append(")");
  if (!fix.empty()) line.append(why.empty() ? ": " : " ").append(fix);
  for (char& c : line)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  return printable(line, Newlines::escape);  // a stranger's bytes must not reach a terminal
}

Error::Error(Exit code, std::string_view what, std::string_view why, std::string_view fix)
    : std::runtime_error(one_line(what, why, fix)), code_(code) {}

Findings::Findings(Exit code, std::vector<std::string> lines)
    : Error(code, lines.empty() ? std::string() : lines.front()), lines_(std::move(lines)) {}

void ensure(bool holds, std::string_view promise) {
  if (!holds) throw Error(Exit::internal, "internal promise broken", promise, "please report this");
}

std::string joined(std::vector<std::string> const& words) {
  std::string text;
  for (std::string const& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string nearest(std::string_view name, std::vector<std::string> const& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (auto const& candidate : known) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= name.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        std::size_t const substitute = diagonal + (name[i - 1] != candidate[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace bsft
