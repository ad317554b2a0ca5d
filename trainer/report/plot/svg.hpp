// Write one picture as SVG inside a page: shapes carry classes (page/style.cpp colours them for light and dark), and
// hover texts are <title> elements, so nothing needs a script.
//
// A picture is 400 units wide and stands in a column of about 22 rem, so its text is as large on a telephone as beside
// two others on a desk.  Words are escaped; series take colours c0 to c7 in turn.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bsft::plot {

inline constexpr double plot_width = 400;

std::string place(double value);            // "12.5"
std::string colour_of(std::size_t series);  // "c0" … "c7"

enum class Anchor { start, middle, end };

class Svg {
 public:
  // `label` is what a screen reader says of the picture.
  Svg(double height, std::string_view label);
  Svg& line(double x1, double y1, double x2, double y2, std::string_view style);
  Svg& text(double x, double y, std::string_view words, Anchor anchor = Anchor::start, std::string_view style = "");
  // An empty tip: none.
  Svg& rect(double x, double y, double width, double height, std::string_view style, std::string_view tip = "");
  Svg& circle(double x, double y, double radius, std::string_view style, std::string_view tip = "");
  Svg& path(std::string_view data, std::string_view style, std::string_view tip = "");
  std::string done() const { return text_ + "</svg>\n"; }

 private:
  Svg& shape(std::string_view element, std::string_view style, std::string_view tip);
  std::string text_;
};

// About how wide words are, in units of a picture.
double width_of_words(std::string_view words);
// The words, cut with an ellipsis where they are wider.
std::string fitting(std::string_view words, double width);

struct Key {  // an entry of a legend
  std::string name, style;
};
// A captioned picture with its legend; empty where the picture is.
std::string figure(std::string_view title, std::string_view note, std::vector<Key> const& legend,
                   std::string const& picture);

}  // namespace bsft::plot
