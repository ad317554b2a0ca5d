// Pairs of a planted question and its clean twin of which one was judged wrong, with their words.
#include "trainer/report/page/sections.hpp"

namespace bsft::page {
namespace {

std::string row(std::string const& name, std::string const& value) {
  return value.empty() ? "" : "<dt>" + html_text(name) + "</dt><dd>" + html_text(value) + "</dd>\n";
}

// Lines stay lines.
std::string quotation(std::string const& text, char const* style) {
  return std::string("<blockquote class=\"") + style + "\">" + html_lines(shortened(text, 1200)) + "</blockquote>\n";
}

bool is_wrong(Part const& line, std::string const& headline) {
  return line["label"].text() != line["conditions"][headline]["prediction"].text();
}

std::string member(OrderedJson const& json, std::string const& headline) {
  Part const line(json, "predictions.jsonl:");
  Part const judged = line["conditions"][headline];
  std::string const label = line["label"].text(), prediction = judged["prediction"].text();
  bool const wrong = is_wrong(line, headline);
  std::string const action = line["action"].text();
  std::string text = "<div class=\"twin\">\n<p><b class=\"" + std::string(wrong ? "wrong" : "right") + "\">" +
                     (wrong ? "✗ wrong" : "✓ right") + "</b> " + html_text(line["id"].text()) + "</p>\n";
  text += quotation(line["text"].text(), "prompt");
  text += "<dl>\n" + row("should", action) + row("gold label", label) +
          row("judged as", prediction.empty() ? "(none)" : prediction) + row("behaviour", line["behavior"].text()) +
          row("chosen", judged["behavior"].text()) + "</dl>\n";
  if (std::string const response = line["response"].text(); !response.empty())
    text += "<p class=\"note\">The record's response</p>" + quotation(response, "response");
  return text + "</div>\n";
}

}  // namespace

std::string twins_section(RunFiles const& run, Detail const& detail) {
  if (!run.has_predictions)
    return section("Twins gone wrong", "",
                   note("There is no predictions.jsonl: it is written with the results of the final split."));
  if (run.twins.empty())
    return section("Twins gone wrong", "", note("No twin was judged wrong, or predictions.jsonl holds no texts."));
  std::string headline = results_of(run)["headline"].text();
  if (headline.empty()) headline = "self";
  std::string body;
  for (std::size_t p = 0; p < run.twins.size() && p < detail.twins; ++p) {
    std::string members, wrong;
    for (OrderedJson const& json : run.twins[p].records) {
      members += member(json, headline);
      Part const line(json, "predictions.jsonl:");
      if (is_wrong(line, headline)) wrong += (wrong.empty() ? ": " : ", ") + shortened(line["id"].text(), 80);
    }
    body += folded(std::to_string(p + 1) + "  " + shortened(run.twins[p].task, 120) + wrong,
                   "<div class=\"pair\">\n" + members + "</div>\n");
  }
  return section("Twins gone wrong",
                 "A planted question and its clean twin differ in one fact. In " + std::to_string(run.wrong_twins) +
                     (run.wrong_twins == 1 ? " pair" : " pairs") +
                     " at least one was judged wrong; the first are here.",
                 body);
}

}  // namespace bsft::page
