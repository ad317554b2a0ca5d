#include "data/store/audit.hpp"

#include <gtest/gtest.h>

#include "tests/base/scratch.hpp"
#include "tests/store/faults.hpp"

namespace bsft {
namespace {

Audit audit_of(int count, std::function<void(int, Sample&)> const& change) {
  auto const catalog = sample_catalog();
  Auditor auditor(catalog, sample_text);
  for (int i = 0; i < count; ++i) {
    auto one = sample(i);
    if (change) change(i, one);
    auditor.add(one.encoded.info, one.encoded.row, one.record, "f.jsonl:" + std::to_string(i + 1));
  }
  return auditor.finish();
}

TEST(Audit, CountsWhatIsThere) {
  auto const audit = audit_of(18, {});
  EXPECT_TRUE(audit.passed());
  std::int64_t records = 0;
  for (auto const& [key, cell] : audit.cells) {
    records += cell.records;
    EXPECT_EQ(cell.ends, cell.records);
    EXPECT_EQ(cell.behavior_tokens, cell.records);
    EXPECT_EQ(cell.supervised, 5 * cell.records);
    EXPECT_EQ(cell.truncated + cell.literal + cell.dropped, 0);
  }
  EXPECT_EQ(records, 18);
  auto const& cell = audit.cells.at({TaskId{0}, BehaviorId{1}, Split::dev});  // cases 1 and 4: records 3, 4, 12, 13
  EXPECT_EQ(cell.records, 4);
  EXPECT_EQ(cell.tokens, 4 * 10 + 3 + 4 + 3 + 4);
  auto const table = audit.table(sample_catalog());
  EXPECT_NE(table.find("dose"), std::string::npos);
  EXPECT_NE(table.find("100.0"), std::string::npos);
}

TEST(Audit, WarnsOfLiteralBehaviourText) {
  auto const audit = audit_of(3, [](int i, Sample& one) {
    if (i == 1) one.record.turns[0].content = "say <|reactive|> to me";
  });
  EXPECT_TRUE(audit.passed());
  EXPECT_EQ(audit.cells.at({TaskId{0}, BehaviorId{1}, Split::train}).literal, 1);
}

TEST(Audit, RefusesEveryFaultWithItsPlace) {
  for (auto const& [name, change, says] : faults()) {
    auto const audit = audit_of(6, [&change = change](int i, Sample& one) {
      if (i == 3) change(one);
    });
    EXPECT_FALSE(audit.passed()) << name;
    ASSERT_EQ(audit.findings.count(), 1u) << name;
    auto const line = audit.findings.lines()[0];
    EXPECT_TRUE(line.starts_with("f.jsonl:4: \"r3\": ")) << name << ": " << line;
    EXPECT_NE(line.find(says), std::string::npos) << name << ": " << line;
  }
}

TEST(Audit, CountsTruncatedAnswersAndMissingEnds) {
  auto const audit = audit_of(3, [](int i, Sample& one) {
    if (i == 0) one.record.response += " and more";
    if (i == 1) one.encoded.row.weights.back() = 0;
  });
  auto const& cell = audit.cells.at({TaskId{0}, BehaviorId{1}, Split::train});
  EXPECT_EQ(cell.truncated, 1);
  EXPECT_EQ(cell.ends, 1);
  EXPECT_NE(audit.table(sample_catalog()).find("50.0"), std::string::npos);
}

TEST(Audit, TakesNormalisedAndTrimmedAnswers) {
  auto const audit = audit_of(1, [](int, Sample& one) { one.record.response = "FLAG: dose \n"; });
  EXPECT_TRUE(audit.passed());
}

TEST(Audit, RefusesCasesAndTwinsThatCrossSplits) {
  auto const cases = audit_of(9, [](int i, Sample& one) {
    if (i == 5 || i == 8) one.record.case_id = "case 0";
    if (i == 7) one.record.twin_id = "twin 0";
  });
  ASSERT_EQ(cases.findings.count(), 2u) << "one finding a case or twin set";
  EXPECT_EQ(
      cases.findings.lines()[0],
      "f.jsonl:6: case \"case 0\" crosses splits (dev here, train at f.jsonl:1) give all records of a case one split");
  EXPECT_EQ(
      cases.findings.lines()[1],
      "f.jsonl:8: twin \"twin 0\" crosses splits (test here, train at f.jsonl:1) give all records of a twin one split");
}

TEST(Audit, OfAFileSeesTheSame) {
  Scratch const scratch("audit");
  for (auto const& [name, change, says] : faults()) {
    write_sample(scratch / "a.h5", 6, [&change = change](int i, Sample& one) {
      if (i == 3) change(one);
    });
    auto const audit = audit_store(StoreReader(scratch / "a.h5"), "a.h5");
    ASSERT_EQ(audit.findings.count(), 1u) << name;
    EXPECT_NE(audit.findings.lines()[0].find("a.h5: record 3: \"r3\": "), std::string::npos)
        << audit.findings.lines()[0];
    EXPECT_NE(audit.findings.lines()[0].find(says), std::string::npos) << name << ": " << audit.findings.lines()[0];
  }
  write_sample(scratch / "a.h5", 6);
  EXPECT_TRUE(audit_store(StoreReader(scratch / "a.h5"), "a.h5").passed());
}

}  // namespace
}  // namespace bsft
