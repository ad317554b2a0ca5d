#include "trainer/evaluate/answer_parser.hpp"

#include <algorithm>
#include <cctype>

namespace bsft {
namespace {

enum class Match { no, open, yes };  // open: what follows decides

bool is_word(char c) {
  return static_cast<unsigned char>(c) > 0x7F || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// Whether a label ends before `rest`.
Match ending(std::string_view rest, bool ended) {
  Match const unseen = ended ? Match::no : Match::open;
  if (rest.empty()) return ended ? Match::yes : Match::open;
  if (rest[0] == '\n') return Match::yes;
  if (rest[0] == ' ') return rest.size() == 1 ? unseen : rest[1] == '(' ? Match::yes : Match::no;
  if (std::string_view(".,:;!?)").find(rest[0]) == std::string_view::npos) return Match::no;
  if (rest.size() == 1) return ended ? Match::yes : Match::open;
  return is_word(rest[1]) ? Match::no : Match::yes;
}

Match match(std::string_view label, std::string_view answer, bool ended) {
  if (answer.starts_with(label)) return ending(answer.substr(label.size()), ended);
  return !ended && label.starts_with(answer) ? Match::open : Match::no;
}

}  // namespace

Reading read_label(std::span<std::string const> labels, std::string_view answer, bool ended) {
  Reading reading;
  std::size_t length = 0, longest_open = 0;
  bool open = false;
  for (std::size_t l = 0; l < labels.size(); ++l) {
    Match const found = match(labels[l], answer, ended);
    if (found == Match::yes && (reading.label < 0 || labels[l].size() > length)) {
      reading.label = static_cast<std::int32_t>(l);
      length = labels[l].size();
    } else if (found == Match::open) {
      open = true;
      longest_open = std::max(longest_open, labels[l].size());
    }
  }
  reading.decided = !open || (reading.label >= 0 && longest_open < length);
  return reading;
}

std::size_t deciding_length(std::span<std::string const> labels) {
  std::size_t longest = 0;
  for (std::string const& label : labels) longest = std::max(longest, label.size());
  return longest + 2;
}

}  // namespace bsft
