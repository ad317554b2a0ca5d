#include "data/store/audit.hpp"

#include <gtest/gtest.h>

#include "tests/base/scratch.hpp"
#include "tests/store/sample.hpp"

namespace bsft {
namespace {

using Change = std::function<void(Sample&)>;

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

struct Fault {
  char const* name;
  Change change;
  char const* says;
};

std::vector<Fault> faults() {
  return {
      {"all-zero mask", [](Sample& s) { s.encoded.row.weights.assign(s.encoded.row.weights.size(), 0); }, "nothing is supervised (all-zero mask)"},
      {"all-one mask", [](Sample& s) { s.encoded.row.weights.assign(s.encoded.row.weights.size(), 1); }, "everything is supervised (all-one mask)"},
      {"dropped end",
       [](Sample& s) {
         s.encoded.row.tokens.pop_back();
         s.encoded.row.weights.pop_back();
         s.encoded.info.length -= 1;
       },
       "the end token is dropped"},
      {"other end", [](Sample& s) { s.encoded.row.tokens.back() = 21; }, "the end token is dropped"},
      {"masked end", [](Sample& s) { s.encoded.row.weights.back() = 0; }, "the end token is not supervised"},
      {"truncated answer",
       [](Sample& s) {
         auto& [info, row] = s.encoded;
         row.tokens.erase(row.tokens.end() - 2);
         row.weights.pop_back();
         --info.response_end, --info.length;
       },
       "the answer is truncated"},
      {"other answer", [](Sample& s) { s.encoded.row.tokens[s.encoded.info.behavior_end + 2] = 20; }, "the answer is truncated"},
      {"no behaviour token", [](Sample& s) { s.encoded.row.tokens[s.encoded.info.prompt_end] = 33; }, "the behaviour token is missing"},
      {"other behaviour", [](Sample& s) { s.encoded.row.tokens[s.encoded.info.prompt_end] = sample_reactive; }, "another behaviour's"},
      {"second behaviour token", [](Sample& s) { s.encoded.row.tokens[1] = sample_proactive; }, "stands elsewhere"},
      {"empty prompt",
       [](Sample& s) {
         auto& [info, row] = s.encoded;
         row.tokens.erase(row.tokens.begin(), row.tokens.begin() + info.prompt_end);
         row.weights.erase(row.weights.begin(), row.weights.begin() + info.prompt_end);
         row.weights[0] = 0;
         info.behavior_end -= info.prompt_end, info.response_end -= info.prompt_end, info.length -= info.prompt_end;
         info.prompt_end = 0;
       },
       "the prompt is empty"},
      {"supervised prompt", [](Sample& s) { s.encoded.row.weights[1] = 1; }, "the weight of token 1 does not follow its span"},
      {"masked answer", [](Sample& s) { s.encoded.row.weights[s.encoded.info.behavior_end] = 0; }, "does not follow its span"},
      {"over-long",
       [](Sample& s) {
         auto& [info, row] = s.encoded;
         row.tokens.insert(row.tokens.begin(), 60, 40);
         row.weights.insert(row.weights.begin(), 60, 0);
         info.prompt_end += 60, info.behavior_end += 60, info.response_end += 60, info.length += 60;
       },
       "over-long: 73 tokens, at most 64"},
      {"other label", [](Sample& s) { s.encoded.info.label = 1; }, "do not begin with those of its label \"PROCEED\""},
  };
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
  EXPECT_EQ(cases.findings.lines()[0],
            "f.jsonl:6: case \"case 0\" crosses splits (dev here, train at f.jsonl:1) give all records of a case one split");
  EXPECT_EQ(cases.findings.lines()[1],
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
    EXPECT_NE(audit.findings.lines()[0].find("a.h5: record 3: \"r3\": "), std::string::npos) << audit.findings.lines()[0];
    EXPECT_NE(audit.findings.lines()[0].find(says), std::string::npos) << name << ": " << audit.findings.lines()[0];
  }
  write_sample(scratch / "a.h5", 6);
  EXPECT_TRUE(audit_store(StoreReader(scratch / "a.h5"), "a.h5").passed());
}

}  // namespace
}  // namespace bsft
