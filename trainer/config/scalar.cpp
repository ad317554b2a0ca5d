#include "trainer/config/scalar.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "data/base/error.hpp"

namespace bsft {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string shown(YamlNode const& node) {
  switch (node.kind) {
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
    default:
      return "nothing";
  }
  std::string text = node.text.substr(0, 40);
  while (!text.empty() && node.text.size() > 40 && (text.back() & 0xC0) == 0x80) text.pop_back();
  if (node.text.size() > 40) text += "…";
  return node.quoted ? '"' + text + '"' : text;
}

// Of a number's text: "", or why it is none.
std::string number_problem(YamlNode const& node, bool whole) {
  std::string const kind = whole ? "a whole number" : "a number";
  if (node.kind != YamlNode::Kind::scalar) return one_line(shown(node), "wrong type", "write " + kind);
  std::string const& text = node.text;
  if (node.quoted) return one_line(shown(node), "text in quotes where " + kind + " is expected", "remove the quotes");
  std::size_t i = text[0] == '-' ? 1 : 0;
  std::size_t const first = i;
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i - first > 1 && text[first] == '0')
    return one_line(shown(node), "a leading zero: octal to some readers", "write it without");
  bool digits = i > first;
  bool const integral = digits && i == text.size();
  if (i < text.size() && text[i] == '.') {
    std::size_t const point = i++;
    while (i < text.size() && is_digit(text[i])) ++i;
    digits = digits || i - point > 1;
  }
  if (digits && i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    digits = i < text.size();
    while (i < text.size() && is_digit(text[i])) ++i;
  }
  if (!digits || i != text.size()) {
    static std::set<std::string> const not_finite = {".inf", "-.inf", "+.inf", ".nan", ".Inf", ".NaN", ".NAN",
                                                     ".INF", "-.Inf", "-.INF", "inf",  "nan",  "-inf"};
    if (not_finite.count(text) != 0) return one_line(text, "not finite", "write " + kind);
    return one_line(shown(node), "not a number", "write " + kind);
  }
  if (whole && !integral) return one_line(shown(node), "not a whole number", "write it with digits only");
  return {};
}

template <class Whole>
std::string read_whole(YamlNode const& node, Whole& value) {
  if (std::string problem = number_problem(node, true); !problem.empty()) return problem;
  char const* end = node.text.data() + node.text.size();
  auto const [stop, error] = std::from_chars(node.text.data(), end, value);
  if (error == std::errc() && stop == end) return {};
  return one_line(shown(node), node.text[0] == '-' ? "too small" : "too large", "");
}

}  // namespace

std::string read_scalar(YamlNode const& node, std::int64_t& value) { return read_whole(node, value); }
std::string read_scalar(YamlNode const& node, std::uint64_t& value) { return read_whole(node, value); }

std::string read_scalar(YamlNode const& node, double& value) {
  if (std::string problem = number_problem(node, false); !problem.empty()) return problem;
  auto const [stop, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
  if (error != std::errc() || !std::isfinite(value))
    return one_line(shown(node), "not a double", "too large or too near zero");
  return {};
}

std::string read_scalar(YamlNode const& node, bool& value) {
  std::string lower = node.text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (node.kind == YamlNode::Kind::scalar && !node.quoted && (node.text == "true" || node.text == "false")) {
    value = node.text == "true";
    return {};
  }
  bool const yes = lower == "yes" || lower == "on" || lower == "y" || lower == "true" || lower == "1";
  bool const no = lower == "no" || lower == "off" || lower == "n" || lower == "false" || lower == "0";
  return one_line(shown(node), "not true or false", yes ? "write true" : no ? "write false" : "write true or false");
}

std::string read_scalar(YamlNode const& node, std::string& value) {
  if (node.kind != YamlNode::Kind::scalar)
    return one_line(shown(node), "wrong type",
                    node.kind == YamlNode::Kind::null ? "write text, or \"\" for none" : "write text");
  if (std::any_of(node.text.begin(), node.text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return one_line("text with a line break or tab", "one line is expected", "");
  value = node.text;
  return {};
}

std::string write_scalar(std::string const& value) {
  static std::set<std::string> const reserved = {"null", "Null", "NULL", "true", "false",
                                                 "~",    "yes",  "no",   "on",   "off"};
  auto const word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/' || c == '.' || is_digit(c) ||
           c == '-';
  };
  bool const plain = !value.empty() && std::all_of(value.begin(), value.end(), word) && value[0] != '-' &&
                     value[0] != '.' && !is_digit(value[0]) && reserved.count(value) == 0;
  if (plain) return value;
  std::string text = "\"";
  for (char const c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

std::string write_scalar(double value) {
  char buffer[64];
  if (std::abs(value) < 1e15 && value == std::trunc(value)) return std::to_string(static_cast<std::int64_t>(value));
  auto const [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  ensure(error == std::errc(), "a double fits 64 characters");
  std::string text(buffer, end);
  if (auto const e = text.find('e'); e != std::string::npos) {  // 1e-05 -> 1e-5
    std::size_t digits = e + 1 + (text[e + 1] == '-' || text[e + 1] == '+');
    while (digits + 1 < text.size() && text[digits] == '0') text.erase(digits, 1);
  }
  return text;
}

}  // namespace bsft
