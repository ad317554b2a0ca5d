// The audit as a table for people.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "data/store/audit.hpp"

namespace bsft {
namespace {

using Row = std::vector<std::string>;

std::string percent(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

Row row_of(std::string task, std::string behavior, std::string split, AuditCell const& cell) {
  return {std::move(task),
          std::move(behavior),
          std::move(split),
          std::to_string(cell.records),
          std::to_string(cell.tokens),
          std::to_string(cell.supervised),
          std::to_string(cell.behavior_tokens),
          percent(cell.ends, cell.records),
          std::to_string(cell.truncated),
          std::to_string(cell.literal),
          std::to_string(cell.dropped)};
}

void add(AuditCell& sum, AuditCell const& cell) {
  sum.records += cell.records;
  sum.tokens += cell.tokens;
  sum.supervised += cell.supervised;
  sum.behavior_tokens += cell.behavior_tokens;
  sum.ends += cell.ends;
  sum.truncated += cell.truncated;
  sum.literal += cell.literal;
  sum.dropped += cell.dropped;
}

}  // namespace

std::string Audit::table(Catalog const& catalog) const {
  std::vector<Row> rows{{"task", "behaviour", "split", "records", "tokens", "supervised", "behaviour tokens",
                         "ends supervised %", "truncated", "literal token text", "dropped"}};
  AuditCell total;
  for (auto const& [key, cell] : cells) {
    auto const& [task, behavior, split] = key;
    rows.push_back(row_of(catalog.tasks.at(index(task)).name, catalog.behaviors.tokens.at(index(behavior)).name,
                          std::string(name_of(split)), cell));
    add(total, cell);
  }
  rows.push_back(row_of("all", "", "", total));
  std::vector<std::size_t> width(rows[0].size(), 0);
  for (auto const& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  std::string out;
  for (auto const& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string const space(width[i] - row[i].size(), ' ');
      out += i < 3 ? row[i] + space : space + row[i];
      out += i + 1 == row.size() ? "\n" : "  ";
    }
  }
  return out;
}

}  // namespace bsft
