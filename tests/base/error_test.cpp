#include "data/base/error.hpp"

#include <gtest/gtest.h>

#include "data/base/finding_list.hpp"

namespace bsft {
namespace {

TEST(Error, IsOneLine) {
  EXPECT_EQ(one_line("what", "why", "do this"), "what (why) do this");
  EXPECT_EQ(one_line("what", "", "do this"), "what: do this");
  EXPECT_EQ(one_line("what", "", ""), "what");
  EXPECT_EQ(one_line("a\nb", "c\rd", ""), "a b (c d)");
  EXPECT_EQ(one_line("\x1b[2J \xb7 é", "", ""), "\\x1b[2J \\xb7 é");
}

TEST(Error, CarriesItsExitCode) {
  EXPECT_EQ(static_cast<int>(Broken("x").code()), 65);
  EXPECT_EQ(static_cast<int>(Unavailable("x").code()), 69);
  EXPECT_EQ(static_cast<int>(Invalid(Exit::usage, "x").code()), 64);
  EXPECT_THROW(ensure(false, "never"), Error);
  EXPECT_NO_THROW(ensure(true, "always"));
}

TEST(Error, NearestNeedsToBeNear) {
  EXPECT_EQ(nearest("learning_rat", {"learning_rate", "warmup"}), "learning_rate");
  EXPECT_EQ(nearest("zzzzzz", {"learning_rate", "warmup"}), "");
}

TEST(FindingList, KeepsTwentyAndCountsTheRest) {
  FindingList list;
  EXPECT_NO_THROW(list.throw_any(Exit::data));
  for (int i = 0; i < 23; ++i) list.add("finding " + std::to_string(i));
  EXPECT_EQ(list.count(), 23u);
  ASSERT_EQ(list.lines().size(), 21u);
  EXPECT_EQ(list.lines()[19], "finding 19");
  EXPECT_EQ(list.lines()[20], "… and 3 more");
  try {
    list.throw_any(Exit::data);
    FAIL();
  } catch (Findings const& findings) {
    EXPECT_EQ(findings.lines(), list.lines());
    EXPECT_EQ(findings.code(), Exit::data);
  }
}

}  // namespace
}  // namespace bsft
