#include "trainer/report/page/sample.hpp"

#include "trainer/report/page/part.hpp"
#include "trainer/report/table.hpp"

namespace bsft::page {
namespace {

Part part_of(OrderedJson const& line) { return {line, "predictions.jsonl:"}; }

std::string row(std::string const& name, std::string const& value) {
  return value.empty() ? "" : "<dt>" + html_text(name) + "</dt><dd>" + html_text(value) + "</dd>\n";
}

// Lines stay lines.
std::string quotation(std::string const& text, char const* style) {
  return std::string("<blockquote class=\"") + style + "\">" + html_lines(shortened(text, 1200)) + "</blockquote>\n";
}

}  // namespace

std::string name_of(OrderedJson const& line) { return part_of(line)["id"].text(); }

bool is_wrong(OrderedJson const& line, std::string const& headline) {
  return part_of(line)["label"].text() != part_of(line)["conditions"][headline]["prediction"].text();
}

std::string sample(OrderedJson const& json, std::string const& headline, std::string const& more) {
  Part const line = part_of(json), judged = line["conditions"][headline];
  std::string const prediction = judged["prediction"].text(), prompt = line["text"].text();
  bool const wrong = is_wrong(json, headline);
  std::string text = "<div class=\"twin\">\n<p><b class=\"" + std::string(wrong ? "wrong" : "right") + "\">" +
                     (wrong ? "✗ wrong" : "✓ right") + "</b> " + html_text(line["id"].text()) + "</p>\n";
  if (!prompt.empty()) text += quotation(prompt, "prompt");
  text += "<dl>\n" + row("should", line["action"].text()) + row("gold label", line["label"].text()) +
          row("judged as", prediction.empty() ? "(none)" : prediction) + row("behaviour", line["behavior"].text()) +
          row("chosen", judged["behavior"].text()) + "</dl>\n" + more;
  if (std::string const response = line["response"].text(); !response.empty())
    text += "<p class=\"note\">The record's response</p>" + quotation(response, "response");
  return text + "</div>\n";
}

}  // namespace bsft::page
