#include "data/base/json.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

TEST(Json, ReadsAndKeepsOrder) {
  EXPECT_EQ(parse_json(R"({"b": [1, 2.5, "é", null]})", "x")["b"][2], "é");
  EXPECT_EQ(parse_ordered_json(R"({"b": 1, "a": 2})", "x").begin().key(), "b");
  Scratch const scratch("json");
  write_atomically(scratch / "a.json", "[1]");
  EXPECT_EQ(read_json(scratch / "a.json")[0], 1);
}

struct Case {
  std::string text, says;
};

class JsonRefuses : public testing::TestWithParam<Case> {};

TEST_P(JsonRefuses, WithSourceAndReason) {
  auto const [text, says] = GetParam();
  for (bool const ordered : {false, true}) {
    auto const message = message_of<Broken>([&] {
      if (ordered)
        parse_ordered_json(text, "file.json:7", {1000, 4});
      else
        parse_json(text, "file.json:7", {1000, 4});
    });
    EXPECT_TRUE(message.starts_with("file.json:7")) << message;
    EXPECT_NE(message.find(says), std::string::npos) << message;
  }
}

INSTANTIATE_TEST_SUITE_P(All, JsonRefuses,
                         testing::Values(Case{"", "byte 1"}, Case{"{\"a\":1,}", "byte 8"}, Case{"[1] x", "byte 5"},
                                         Case{R"({"a":1,"b":{"a":1,"a":2}})", "duplicate JSON key \"a\""},
                                         Case{"[[[[[1]]]]]", "deeper than 4"}, Case{"\"\xff\"", "UTF-8"},
                                         Case{"\"\xed\xa0\x80\"", "UTF-8"}, Case{R"("\ud800")", "not JSON"},
                                         Case{"1e999", "not JSON that fits"}, Case{"NaN", "not JSON"},
                                         Case{std::string(1001, ' '), "1001 bytes of JSON, at most 1000"}));

TEST(JsonLines, PassesOverWhatIsNoObjectAndWhatIsTorn) {
  Scratch const scratch("json_lines");
  EXPECT_TRUE(read_json_lines(scratch / "none").empty());
  write_atomically(scratch / "log", "{\"step\": 1}\n[2]\n\n{\"step\": 3}\n{\"step\": 4");
  std::vector<Json> const lines = read_json_lines(scratch / "log");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["step"], 1);
  EXPECT_EQ(lines[1]["step"], 3);
}

}  // namespace
}  // namespace bsft
