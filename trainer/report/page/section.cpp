#include "trainer/report/page/sections.hpp"

namespace bsft::page {

Part results_of(RunFiles const& run) { return {run.results, (run.folder / "results.json").string() + ":"}; }

std::string headline_of(RunFiles const& run) {
  std::string headline = results_of(run)["headline"].text();
  return headline.empty() ? "self" : headline;
}

std::vector<std::pair<std::string, Part>> scored_suites(RunFiles const& run) {
  constexpr std::size_t most = 12;
  std::vector<std::pair<std::string, Part>> result;
  for (auto const& [suite, scores] : results_of(run)["suites"].members()) {
    if (scores["overall"] && result.size() < most) result.emplace_back(suite, scores);
  }
  return result;
}

Part before_of(RunFiles const& run, std::string const& suite) {
  Part const before = results_of(run)["before"];
  Part const plain = before["conditions"]["none"]["suites"][suite];
  return plain["overall"] ? plain : before["suites"][suite];
}

std::string note(std::string_view words) { return "<p class=\"note\">" + html_text(words) + "</p>\n"; }

std::string section(std::string_view title, std::string_view lead, std::string const& body) {
  std::string text = "<section>\n<h3>" + html_text(title) + "</h3>\n";
  if (!lead.empty()) text += "<p class=\"lead\">" + html_text(lead) + "</p>\n";
  return text + body + "</section>\n";
}

std::string scrolling(std::string const& table) { return "<div class=\"scroll\">" + table + "</div>\n"; }

std::string folded(std::string_view title, std::string const& body) {
  return "<details><summary>" + html_text(title) + "</summary>\n" + body + "</details>\n";
}

}  // namespace bsft::page
