#include "trainer/evaluate/answer_parser.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "data/schema/generator_wording.hpp"
#include "data/schema/record.hpp"
#include "data/schema/taxonomy.hpp"

namespace bsft {
namespace {

using Labels = std::vector<std::string>;

std::string read(Labels const& labels, std::string const& answer, bool ended = true) {
  std::int32_t const label = read_label(labels, answer, ended).label;
  return label < 0 ? "-" : labels[static_cast<std::size_t>(label)];
}

TEST(AnswerParser, ALabelEndsWhereTheWordingsEndIt) {
  Labels const labels{"STOP", "SAFE"};
  for (char const* answer : {"STOP", "STOP: penicillin rash.", "STOP.", "STOP!", "STOP, now", "STOP; x", "STOP?",
                             "STOP)", "STOP (the dose)", "STOP\nnow", "STOP:", "STOP: SAFE", "STOP:\nSAFE", "STOP. 5"})
    EXPECT_EQ(read(labels, answer), "STOP") << answer;
  for (char const* answer : {"",
                             "S",
                             "STO",
                             "stop",
                             "Stop",
                             " STOP",
                             "\nSTOP",
                             "STOPP",
                             "STOPSAFE",
                             "STOP now",
                             "STOP ",
                             "STOP  (x)",
                             "STOP:now",
                             "STOP.5",
                             "STOP-",
                             "STOP_",
                             "STOP\"",
                             "\"STOP\"",
                             "**STOP**",
                             "STOP\xC3\xA9",
                             "STOP:\xC3\xA9",
                             "The answer is STOP",
                             "<|proactive|>STOP",
                             "UNSAFE",
                             "STOP\t",
                             "STOP/SAFE",
                             "STOP|SAFE"})
    EXPECT_EQ(read(labels, answer), "-") << answer;
}

TEST(AnswerParser, NumbersAndOptionsAreWholeWords) {
  Labels const labels{"1", "10", "A", "B"};
  EXPECT_EQ(read(labels, "10: furosemide 10 mg."), "10");
  EXPECT_EQ(read(labels, "1: furosemide 10 mg."), "1");
  for (char const* answer : {"10.5 mg", "100", "10,000", "1:30", "A patient", "AB", "A.B", "10 mg"})
    EXPECT_EQ(read(labels, answer), "-") << answer;
  EXPECT_EQ(read(labels, "A. A patient"), "A");
}

TEST(AnswerParser, TheLongestLabelThatEndsCounts) {
  for (Labels labels : {Labels{"no", "no change", "no change at all"}, Labels{"no change at all", "no change", "no"}}) {
    EXPECT_EQ(read(labels, "no change at all."), "no change at all");
    EXPECT_EQ(read(labels, "no change: at all"), "no change");
    EXPECT_EQ(read(labels, "no. no change"), "no");
    EXPECT_EQ(read(labels, "no change at"), "-");
    EXPECT_EQ(read(labels, "no changes"), "-");
  }
  EXPECT_EQ(read({"a", "a (b)"}, "a (b)"), "a (b)");
  EXPECT_EQ(read({"a", "a (b)"}, "a (c)"), "a");
}

TEST(AnswerParser, WhatWasCutOffMayGoOn) {
  Labels const labels{"no", "no change"};
  for (char const* open : {"", "n", "no", "no ", "no.", "no c", "no change", "no change:"}) {
    EXPECT_EQ(read(labels, open, false), "-") << open;
    EXPECT_FALSE(read_label(labels, open, false).decided) << open;
  }
  for (char const* closed : {"no: x", "no.\n", "yes", "no x", "no change\n", "no changes"})
    EXPECT_TRUE(read_label(labels, closed, false).decided) << closed;
  EXPECT_TRUE(read_label(labels, "no", true).decided);
}

// Whatever follows a decided answer changes nothing, and an answer of deciding_length is decided.
TEST(AnswerParser, DecidedMeansDecided) {
  std::mt19937 random(1);
  std::vector<Labels> const tasks{{"no", "no change", "no change at all", "no."},
                                  {"A", "B", "AB"},
                                  {"a", "a (b", "a\nb"},
                                  {"10", "1", "1.0"},
                                  {"\xC2\xB5g", "\xC2\xB5"}};
  std::string const glue = " .:(\n,x0A-\xC2\xB5";
  std::size_t decided = 0, valid = 0;
  for (int round = 0; round < 20000; ++round) {
    Labels const& labels = tasks[static_cast<std::size_t>(round) % tasks.size()];
    std::string answer;
    while (answer.size() < deciding_length(labels) + 4) {
      if (random() % 2 == 0)
        answer += labels[random() % labels.size()];
      else
        answer += glue[random() % glue.size()];
    }
    Reading first;
    for (std::size_t length = 0; length <= answer.size(); ++length) {
      Reading const now = read_label(labels, answer.substr(0, length), false);
      if (first.decided) {
        ASSERT_TRUE(now.decided) << answer;
        ASSERT_EQ(now.label, first.label) << answer << " at " << length;
        ASSERT_EQ(read_label(labels, answer.substr(0, length), true).label, first.label) << answer;
      } else if (now.decided) {
        first = now;
      }
      if (length >= deciding_length(labels)) ASSERT_TRUE(now.decided) << answer;
    }
    decided += first.decided ? 1 : 0;
    valid += first.label >= 0 ? 1 : 0;
  }
  EXPECT_EQ(decided, 20000U);
  EXPECT_GT(valid, 2000U);
  EXPECT_LT(valid, 18000U);
}

TEST(AnswerParser, EveryWordingGivesItsLabel) {
  Taxonomy const taxonomy = read_taxonomy("configs/behaviorbench.yaml");
  std::size_t read_ones = 0;
  for (TaskSpec const& task : taxonomy.tasks)
    for (std::string const& wording : task.answers)
      for (std::string const& label : task.labels) {
        Slots slots{{"label", label}};
        for (char const* name : {"entry", "drug", "lab", "side", "step", "place", "event", "finding", "value", "unit",
                                 "dose", "day", "operation", "count"})
          slots[name] = "morphine 30 mg";
        EXPECT_EQ(read(task.labels, fill(wording, slots)), label) << task.name;
        ++read_ones;
      }
  EXPECT_GT(read_ones, 30U);
}

TEST(AnswerParser, EveryRealResponseGivesItsLabel) {
  std::filesystem::path const folder = "../shared/data/behaviorbench_real";
  if (!std::filesystem::exists(folder / "test.jsonl")) GTEST_SKIP() << "no " << folder;
  for (char const* file : {"test.jsonl", "mini.jsonl", "contrast.jsonl"})
    for (Record const& record : read_records(folder / file))
      ASSERT_EQ(read(record.labels, record.response), record.label) << record.id;
}

}  // namespace
}  // namespace bsft
