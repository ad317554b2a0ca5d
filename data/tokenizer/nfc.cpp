#include "data/tokenizer/nfc.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "data/base/error.hpp"

namespace bsft {
namespace {

using Point = utf8proc_int32_t;

// Marks and composites younger than the normaliser of `tokenizers` (Unicode 9): to it they neither move nor compose.
constexpr auto younger = std::to_array<std::pair<Point, Point>>(
    {{0x7FD, 0x7FD},     {0x897, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1AFF},   {0x1DF6, 0x1DFA},
     {0xA82C, 0xA82C},   {0x105C0, 0x105FF}, {0x10D24, 0x10D27}, {0x10D40, 0x10D8F}, {0x10EAB, 0x10EAC},
     {0x10EFA, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B},
     {0x11380, 0x113E2}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11943}, {0x119E0, 0x119E0},
     {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D45}, {0x11D97, 0x11D97},
     {0x11F00, 0x11F5F}, {0x16100, 0x1613F}, {0x16D40, 0x16D7F}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F},
     {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF}});

bool is_younger(Point point) {
  auto const after = std::upper_bound(younger.begin(), younger.end(), point,
                                      [](Point value, auto const& range) { return value < range.first; });
  return after != younger.begin() && point <= std::prev(after)->second;
}

// The code point at `at`, which moves behind it.
Point next_point(std::string_view utf8, std::size_t& at) {
  Point point = 0;
  auto const used = utf8proc_iterate(reinterpret_cast<utf8proc_uint8_t const*>(utf8.data()) + at,
                                     static_cast<utf8proc_ssize_t>(utf8.size() - at), &point);
  ensure(used > 0, "text is checked before it is normalised");
  at += static_cast<std::size_t>(used);
  return point;
}

void append(std::string& text, Point point) {
  std::array<utf8proc_uint8_t, 4> encoded;
  auto const length = utf8proc_encode_char(point, encoded.data());
  text.append(reinterpret_cast<char const*>(encoded.data()), static_cast<std::size_t>(length));
}

void append_decomposed(std::vector<Point>& points, Point point) {
  std::array<Point, 32> parts;
  int boundary = 0;
  auto const count =
      utf8proc_decompose_char(point, parts.data(), parts.size(),
                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
  ensure(count > 0 && count <= static_cast<utf8proc_ssize_t>(parts.size()), "a decomposition has at most 32 parts");
  points.insert(points.end(), parts.begin(), parts.begin() + count);
}

auto combining_class(Point point) { return utf8proc_get_property(point)->combining_class; }

// Canonical order: each run of non-starters sorted by class, equal classes in their order.
void order(std::vector<Point>& points) {
  for (auto at = points.begin(); at != points.end();) {
    if (combining_class(*at) == 0) {
      ++at;
      continue;
    }
    auto const end = std::find_if(at, points.end(), [](auto p) { return combining_class(p) == 0; });
    std::stable_sort(at, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
}

// Appends the composed form of decomposed points, and empties them.
void append_composed(std::string& text, std::vector<Point>& points) {
  order(points);
  auto const count = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  ensure(count >= 0, "utf8proc composes what it decomposed");
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) append(text, points[i]);
  points.clear();
}

}  // namespace

std::string nfc(std::string_view utf8) {
  if (std::all_of(utf8.begin(), utf8.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return std::string(utf8);
  std::string text;
  text.reserve(utf8.size());
  std::vector<Point> points;  // since the last younger one
  for (std::size_t at = 0; at < utf8.size();) {
    Point const point = next_point(utf8, at);
    if (!is_younger(point)) {
      append_decomposed(points, point);
      continue;
    }
    append_composed(text, points);
    append(text, point);
  }
  append_composed(text, points);
  return text;
}

}  // namespace bsft
