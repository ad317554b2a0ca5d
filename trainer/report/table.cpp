#include "trainer/report/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "data/base/error.hpp"

namespace bsft {
namespace {

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Control characters, C1 ones in UTF-8 (c2 80 … c2 9f) too.
std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = static_cast<unsigned char>(text[i]);
    bool const c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c < 0x20 || c == 0x7F || c1) {
      result += '?';
      if (c1) ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string markdown_text(std::string_view text) {
  std::string result;
  for (char const c : printable(text)) {
    if (c == '|' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string padded(std::string const& text, std::size_t width, Align align) {
  std::string const space(width - std::min(width, width_of(text)), ' ');
  return align == Align::left ? text + space : space + text;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

Table& Table::add(std::vector<std::string> cells) {
  ensure(!cells.empty() && cells.size() <= columns_.size(), "a table row has no more cells than columns");
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
  return *this;
}

Table& Table::add_rule() {
  rows_.emplace_back();
  return *this;
}

std::string Table::render(TableStyle style) const {
  auto escape = [style](std::string const& cell) {
    if (style == TableStyle::html) return html_text(cell);
    return style == TableStyle::markdown ? markdown_text(cell) : printable(cell);
  };
  std::vector<std::string> head;
  std::vector<std::size_t> widths;
  for (Column const& column : columns_) {
    head.push_back(escape(column.name));
    widths.push_back(std::max<std::size_t>(width_of(head.back()), style == TableStyle::markdown ? 3 : 1));
  }
  std::vector<std::vector<std::string>> body;
  for (auto const& row : rows_) {
    auto& cells = body.emplace_back();
    for (std::size_t c = 0; c < row.size(); ++c) {
      cells.push_back(escape(row[c]));
      widths[c] = std::max(widths[c], width_of(cells[c]));
    }
  }
  if (style == TableStyle::html) {
    auto line = [&](std::vector<std::string> const& cells, char const* tag) {
      std::string text = "<tr>";
      for (std::size_t c = 0; c < cells.size(); ++c) {
        text += std::string("<") + tag + (columns_[c].align == Align::right ? " class=\"number\">" : ">") + cells[c] +
                "</" + tag + ">";
      }
      return text + "</tr>\n";
    };
    std::string text = "<table>\n<thead>" + line(head, "th") + "</thead>\n<tbody>\n";
    for (std::size_t r = 0; r < body.size(); ++r) {
      text += body[r].empty() ? (r + 1 < body.size() ? "</tbody><tbody>\n" : "") : line(body[r], "td");
    }
    return text + "</tbody>\n</table>\n";
  }
  bool const markdown = style == TableStyle::markdown;
  auto line = [&](std::vector<std::string> const& cells) {
    std::string text = markdown ? "|" : "";
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (!markdown && c > 0) text += "  ";
      text += (markdown ? " " : "") + padded(cells[c], widths[c], columns_[c].align) + (markdown ? " |" : "");
    }
    return trimmed(text) + "\n";
  };
  std::string rule = markdown ? "|" : "";
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (markdown) {
      bool const right = columns_[c].align == Align::right;
      rule += " " + std::string(widths[c] - (right ? 1 : 0), '-') + (right ? ":" : "") + " |";
    } else {
      rule += (c > 0 ? "  " : "") + std::string(widths[c], '-');
    }
  }
  rule += "\n";
  std::string text = line(head) + rule;
  for (auto const& row : body) {
    if (!row.empty())
      text += line(row);
    else if (!markdown)
      text += rule;
  }
  return text;
}

std::string decimal(std::optional<double> value, int digits) {
  if (!value || !std::isfinite(*value)) return "-";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, *value);
  return text.data();
}

std::string html_text(std::string_view text) {
  std::string result;
  for (char const c : printable(text)) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string html_lines(std::string_view text) {
  std::string result;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t const end = std::min(text.find('\n', begin), text.size());
    result += (begin > 0 ? "\n" : "") + html_text(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

}  // namespace bsft
