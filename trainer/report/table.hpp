// Render a table: for a terminal, as Markdown, or as HTML.
//
// Columns align left or right; widths count code points.  Control characters of a cell (names come from data files)
// become '?', so that no file can write to the terminal; '|' in Markdown and <>&" in HTML are escaped.
//   Table table({{"task"}, {"macro-F1", Align::right}});
//   table.add({"dose", "0.912"});
//   std::puts(table.render(TableStyle::terminal).c_str());
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bsft {

enum class Align { left, right };
enum class TableStyle { terminal, markdown, html };

struct Column {
  std::string name;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);
  // One cell a column; missing ones at the end are empty.
  Table& add(std::vector<std::string> cells);
  // A line between two rows, where the style has one.
  Table& add_rule();
  std::string render(TableStyle style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // an empty row is a rule
};

// 0.912 with `digits` decimals; "-" for nothing.
std::string decimal(std::optional<double> value, int digits = 3);
// Text for HTML, without control characters.
std::string html_text(std::string_view text);
// The same, with its lines kept.
std::string html_lines(std::string_view text);

}  // namespace bsft
