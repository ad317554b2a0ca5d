// Audit what a model would be taught: the table task x behaviour x split, and every breach.
//
// Refused: a case or a twin set in two splits; an all-zero or all-one mask; a dropped or unsupervised end; an answer
// that its tokens do not spell out (cut, or bytes that the vocabulary lacks); weights that do not follow the spans; a
// behaviour token that is missing, wrong or elsewhere; a record over the file's max_length; an answer whose tokens do
// not begin with its label's. Counted only: user text that holds a behaviour token's text (it is encoded as plain text,
// so it cannot act as one). The builder audits what it is about to write, `bsft data audit` what it reads back: the
// same code.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>

#include "data/base/finding_list.hpp"
#include "data/base/json.hpp"
#include "data/store/reader.hpp"

namespace bsft {

struct AuditCell {
  std::int64_t records = 0, tokens = 0, supervised = 0, behavior_tokens = 0, ends = 0, truncated = 0, literal = 0,
               dropped = 0;
};

using AuditCells = std::map<std::tuple<TaskId, BehaviorId, Split>, AuditCell>;

struct Audit {
  AuditCells cells;
  FindingList findings;

  bool passed() const { return findings.count() == 0; }
  std::string to_json(std::string const& data_digest) const;  // the certificate
  std::string table(Catalog const& catalog) const;            // for people, with a line of totals
};

class Auditor {
 public:
  using BytesOf = std::function<std::string(std::span<TokenId const>)>;
  // Both must outlive it.
  Auditor(Catalog const& catalog, BytesOf bytes_of);
  // `where` names the record in findings.
  void add(RecordInfo const& info, StoredTokens const& row, Record const& record, std::string const& where);
  // A record that was left out because it is over-long.
  void drop(TaskId task, BehaviorId behavior, Split split);
  Audit finish() { return std::move(audit_); }

 private:
  struct Home {
    Split split;
    std::string where;
    bool told = false;
  };
  void check_home(std::unordered_map<std::string, Home>& homes, char const* kind, std::string const& id, Split split,
                  std::string const& where);
  std::string fault_of(RecordInfo const& info, StoredTokens const& row) const;
  bool spells_out(RecordInfo const& info, StoredTokens const& row, std::string const& response) const;
  bool holds_behavior_text(Record const& record) const;

  Catalog const& catalog_;
  BytesOf bytes_of_;
  std::unordered_map<std::string, Home> cases_, twins_;
  Audit audit_;
};

// What only the certificate remembers of its cells: truncated and dropped.  Broken, at `where`, for another shape.
AuditCells certified_cells(Json const& certificate, std::string const& where);

// Reads everything back and audits it; a damaged chunk is a finding, and its records are left out of the table; counts
// of dropped records are the certificate's.
Audit audit_store(StoreReader const& reader, std::string const& name);

}  // namespace bsft
