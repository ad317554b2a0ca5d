#include "trainer/report/plot/svg.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "trainer/report/table.hpp"

namespace bsft::plot {
namespace {

std::string attribute(char const* name, double value) { return std::string(" ") + name + "=\"" + place(value) + "\""; }

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string place(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", std::clamp(value, -1e5, 1e5));
  std::string result = text.data();
  if (result.ends_with(".0")) result.resize(result.size() - 2);
  return result == "-0" ? "0" : result;
}

std::string colour_of(std::size_t series) { return "c" + std::to_string(series % 8); }

Svg::Svg(double height, std::string_view label) {
  text_ = "<svg viewBox=\"0 0 " + place(plot_width) + " " + place(height) + "\" role=\"img\" aria-label=\"" +
          html_text(label) + "\">\n";
}

Svg& Svg::shape(std::string_view element, std::string_view style, std::string_view tip) {
  text_.append("<").append(element).append(" class=\"").append(style).append("\"");
  text_ += tip.empty() ? "/>\n" : "><title>" + html_lines(tip) + "</title></";
  if (!tip.empty()) text_.append(element.substr(0, element.find(' '))).append(">\n");
  return *this;
}

Svg& Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  return shape("line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2), style,
               "");
}

Svg& Svg::text(double x, double y, std::string_view words, Anchor anchor, std::string_view style) {
  text_ += "<text" + attribute("x", x) + attribute("y", y);
  if (anchor != Anchor::start) text_ += anchor == Anchor::middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\"";
  if (!style.empty()) text_.append(" class=\"").append(style).append("\"");
  text_ += ">" + html_text(words) + "</text>\n";
  return *this;
}

Svg& Svg::rect(double x, double y, double width, double height, std::string_view style, std::string_view tip) {
  return shape("rect" + attribute("x", x) + attribute("y", y) + attribute("width", std::max(width, 0.0)) +
                   attribute("height", std::max(height, 0.0)),
               style, tip);
}

Svg& Svg::circle(double x, double y, double radius, std::string_view style, std::string_view tip) {
  return shape("circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius), style, tip);
}

Svg& Svg::path(std::string_view data, std::string_view style, std::string_view tip) {
  return shape("path d=\"" + std::string(data) + "\"", style, tip);
}

double width_of_words(std::string_view words) {
  return 6.9 * static_cast<double>(words.size() - static_cast<std::size_t>(std::ranges::count_if(words, continues)));
}

std::string fitting(std::string_view words, double width) {
  if (width_of_words(words) <= width) return std::string(words);
  std::size_t end = words.size();
  while (end > 0 && (width_of_words(words.substr(0, end)) > width - 7 || (end < words.size() && continues(words[end]))))
    --end;
  return std::string(words.substr(0, end)) + "…";
}

std::string figure(std::string_view title, std::string_view note, std::vector<Key> const& legend,
                   std::string const& picture) {
  if (picture.empty()) return "";
  std::string text = "<figure><figcaption><b>" + html_text(title) + "</b>";
  if (!note.empty()) text += "<span>" + html_text(note) + "</span>";
  text += "</figcaption>\n";
  if (!legend.empty()) {
    text += "<p class=\"legend\">";
    for (Key const& key : legend) text += "<span class=\"" + key.style + "\">" + html_text(key.name) + "</span>";
    text += "</p>\n";
  }
  return text + picture + "</figure>\n";
}

}  // namespace bsft::plot
