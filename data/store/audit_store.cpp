// Audit a file from its own bytes.
#include "data/store/audit.hpp"

namespace bsft {
namespace {

// Over-long records were left out at build time; only the certificate remembers them.
void take_dropped(Audit& audit, StoreReader const& reader, std::string const& name) {
  if (reader.certificate().empty()) return;
  std::string const where = name + ": dataset certificate";
  for (auto const& [key, cell] : certified_cells(parse_json(reader.certificate(), where), where))
    if (cell.dropped > 0) audit.cells[key].dropped = cell.dropped;
}

}  // namespace

Audit audit_store(StoreReader const& reader, std::string const& name) {
  Auditor auditor(reader.catalog(), [&](std::span<TokenId const> ids) { return reader.bytes_of(ids); });
  auto const& records = reader.records();
  std::vector<char> unreadable(records.size(), 0);
  auto const damage = reader.damage(Rows::tokens_and_text);
  for (auto const& chunk : damage)
    for (auto record = chunk.first_record; record <= chunk.last_record; ++record)
      unreadable[static_cast<std::size_t>(record)] = 1;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (unreadable[i] != 0) continue;
    auto const number = static_cast<std::int64_t>(i);
    std::string const where = name + ": record " + std::to_string(number);
    auditor.add(records[i], reader.read(number), parse_record(reader.text(number), where), where);
  }
  Audit audit = auditor.finish();
  for (auto const& chunk : damage) audit.findings.add(chunk.line);
  take_dropped(audit, reader, name);
  try {
    reader.require_certificate();
  } catch (Error const& error) {
    audit.findings.add(error.what());
  }
  return audit;
}

}  // namespace bsft
