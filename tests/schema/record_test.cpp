#include "data/schema/record.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

Json good() {
  return Json::parse(
      R"({"id":"r1","case_id":"c1","twin_id":"t1","task":"dose","group":"proactive","behavior":"proactive",
    "level":4,"turns":[{"role":"system","content":"Be brief."},{"role":"user","speaker":"Nurse","content":"5 µg?"}],
    "response":"FLAG: too much","label":"FLAG","labels":["FLAG","PROCEED"],"action":"intervene","split":"dev",
    "source":"synthetic","licence":"CC0","suites":["hard"]})");
}

TEST(Record, KeepsEveryField) {
  auto const record = parse_record(good().dump(), "x:1");
  EXPECT_EQ(record.id, "r1");
  EXPECT_EQ(record.case_id, "c1");
  EXPECT_EQ(record.twin_id, "t1");
  EXPECT_EQ(record.task, "dose");
  EXPECT_EQ(record.group, "proactive");
  EXPECT_EQ(record.behavior, "proactive");
  EXPECT_EQ(record.level, 4);
  ASSERT_EQ(record.turns.size(), 2u);
  EXPECT_EQ(record.turns[0].text(), "Be brief.");
  EXPECT_EQ(record.turns[1].text(), "Nurse: 5 µg?");
  EXPECT_EQ(record.response, "FLAG: too much");
  EXPECT_EQ(record.label, "FLAG");
  EXPECT_EQ(record.labels, (std::vector<std::string>{"FLAG", "PROCEED"}));
  EXPECT_EQ(record.action, "intervene");
  EXPECT_EQ(record.split, Split::dev);
  EXPECT_EQ(record.source, "synthetic");
  EXPECT_EQ(record.suites, (std::vector<std::string>{"hard"}));
}

TEST(Record, RoundTripsThroughItsLine) {
  for (auto const* without : {"", "twin_id", "label", "action", "suites", "licence"}) {
    auto json = good();
    json.erase(without);
    auto const line = to_json_line(parse_record(json.dump(), "x:1"));
    EXPECT_EQ(to_json_line(parse_record(line, "x:1")), line);
    auto expected = json;
    expected.erase("licence");  // other people's keys are not kept
    EXPECT_EQ(Json::parse(line), expected) << without;
  }
}

TEST(Record, PromptIsOneUserTurn) {
  auto json = good();
  json.erase("turns");
  json["prompt"] = "Is it safe?";
  auto const record = parse_record(json.dump(), "x:1");
  ASSERT_EQ(record.turns.size(), 1u);
  EXPECT_EQ(record.turns[0].role, "user");
  EXPECT_EQ(record.turns[0].text(), "Is it safe?");
}

struct Case {
  char const* key;
  char const* value;  // JSON; empty: the key is taken away
  char const* says;
};

class RecordRefuses : public testing::TestWithParam<Case> {};

TEST_P(RecordRefuses, WithPlaceFieldAndReason) {
  auto json = good();
  auto const [key, value, says] = GetParam();
  json.erase(key);
  if (*value != '\0') json[key] = Json::parse(value);
  auto const message = message_of<Invalid>([&] { parse_record(json.dump(), "file.jsonl:9"); });
  EXPECT_TRUE(message.starts_with("file.jsonl:9: ")) << message;
  EXPECT_NE(message.find(says), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, RecordRefuses,
    testing::Values(
        Case{"id", "", "\"id\" (missing)"}, Case{"id", "7", "\"id\" (not a string)"},
        Case{"id", "\"\"", "\"id\" (empty)"}, Case{"id", "\"a\\nb\"", "\"id\" (holds a control character)"},
        Case{"case_id", "", "\"case_id\" (missing)"}, Case{"case_id", "null", "\"case_id\" (missing)"},
        Case{"twin_id", "\"\"", "\"twin_id\" (empty)"}, Case{"task", "", "\"task\""}, Case{"group", "[]", "\"group\""},
        Case{"behavior", "", "\"behavior\" (missing)"}, Case{"level", "", "\"level\" (missing)"},
        Case{"level", "6", "\"level\" (6) use 0 to 5"}, Case{"level", "-1", "\"level\" (-1)"},
        Case{"level", "2.0", "\"level\" (not an integer)"},
        Case{"level", "18446744073709551615", "\"level\" (18446744073709551615)"},
        Case{"level", "\"2\"", "\"level\" (not an integer)"}, Case{"prompt", "\"both\"", "\"prompt\" is there as well"},
        Case{"turns", "", "\"turns\" (missing) give one of the two"}, Case{"turns", "[]", "at least one turn"},
        Case{"turns", "[7]", "a turn is not an object"},
        Case{"turns", R"([{"role":"doctor","content":"x"}])", "\"role\" (\"doctor\") use system, user or assistant"},
        Case{"turns", R"([{"role":"user","content":""}])", "\"content\" (empty)"},
        Case{"turns", R"([{"role":"user"}])", "\"content\" (missing)"},
        Case{"turns", R"([{"role":"user","content":"x"},{"role":"assistant","content":"y"}])",
             "the last turn is of role assistant"},
        Case{"turns", R"([{"role":"user","content":"x"},{"role":"system","content":"y"}])",
             "a system turn after the first"},
        Case{"response", "", "\"response\" (missing)"}, Case{"response", "\" \\n\"", "\"response\" (empty)"},
        Case{"response", "\"I FLAG\"", "does not begin with its label \"FLAG\""},
        Case{"label", "\"FLAGG\"", "\"FLAGG\" is not in \"labels\") did you mean FLAG"},
        Case{"labels", "", "is not in \"labels\""}, Case{"labels", "[\"FLAG\"]", "only one label"},
        Case{"labels", "[\"FLAG\",\"FLAG\"]", "stands twice"}, Case{"labels", "\"FLAG\"", "not a list"},
        Case{"action", "\"panic\"", "\"action\" (\"panic\") use answer, intervene or restrain"},
        Case{"split", "\"valid\"", "\"split\" (\"valid\") use train, dev or test"},
        Case{"source", "", "\"source\" (missing)"}, Case{"suites", "\"hard\"", "\"suites\" (not a list)"}));

TEST(Records, NamesEveryBadLineOfAFile) {
  Scratch const scratch("records");
  auto const file = scratch / "r.jsonl";
  auto line = [](std::string const& id) {
    auto json = good();
    json["id"] = id;
    return json.dump();
  };
  write_atomically(file,
                   line("a") + "\r\n\n  \n" + line("b") + "\n" + line("a") + "\nnot json\n\"\xff\"\n[]\n" + line("c"));
  try {
    read_records(file);
    FAIL();
  } catch (Findings const& findings) {
    ASSERT_EQ(findings.lines().size(), 4u);
    EXPECT_EQ(findings.lines()[0],
              file.string() + R"(:5: "id" ("a" is in line 1 as well) give every record an id of its own)");
    EXPECT_TRUE(findings.lines()[1].starts_with(file.string() + ":6 (not JSON at byte")) << findings.lines()[1];
    EXPECT_TRUE(findings.lines()[2].starts_with(file.string() + ":7 (not JSON at byte")) << findings.lines()[2];
    EXPECT_TRUE(findings.lines()[3].starts_with(file.string() + ":8: not a record")) << findings.lines()[3];
    EXPECT_EQ(findings.code(), Exit::data);
  }
  write_atomically(file, line("a") + "\n" + line("b"));
  auto const records = read_records(file);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].line, 2);
}

TEST(Records, CountsWhatItDoesNotShow) {
  Scratch const scratch("records");
  std::string text;
  for (int i = 0; i < 31; ++i) text += "{}\n";
  write_atomically(scratch / "r.jsonl", text);
  try {
    read_records(scratch / "r.jsonl");
    FAIL();
  } catch (Findings const& findings) {
    ASSERT_EQ(findings.lines().size(), 21u);
    EXPECT_EQ(findings.lines().back(), "… and 11 more");
  }
  write_atomically(scratch / "r.jsonl", "\n\n");
  EXPECT_NE(message_of<Findings>([&] { read_records(scratch / "r.jsonl"); }).find("no records"), std::string::npos);
}

}  // namespace
}  // namespace bsft
