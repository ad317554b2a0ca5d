#include "data/base/terminal.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "data/base/error.hpp"

namespace bsft {
namespace {

TEST(Terminal, KeepsTextAndDisarmsTheRest) {
  EXPECT_EQ(printable("naïve – 漢字 😀\n\tx", Newlines::keep), "naïve – 漢字 😀\n\tx");
  EXPECT_EQ(printable("a\n\tb", Newlines::escape), "a\\n\\tb");
  EXPECT_EQ(printable("\x1b[31mred\x07", Newlines::keep), "\\x1b[31mred\\x07");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m",
                      Newlines::keep),
            "\\xc2\\x9b31m");  // the one-character form of ESC [
  EXPECT_EQ(printable("\x7f", Newlines::keep), "\\x7f");
  EXPECT_EQ(printable("\xe6\xbc", Newlines::keep), "\\xe6\\xbc");  // a part of a character
  EXPECT_EQ(printable("\xc0\xaf\xed\xa0\x80", Newlines::keep), "\\xc0\\xaf\\xed\\xa0\\x80");
  EXPECT_EQ(printable(std::string_view("\0", 1), Newlines::keep), "\\x00");
}

TEST(Terminal, ColorsOnlyWhereAsked) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_TRUE(wants_color("always", ends[1]));
  EXPECT_FALSE(wants_color("never", ends[1]));
  EXPECT_FALSE(wants_color("auto", ends[1]));
  EXPECT_THROW(wants_color("sometimes", ends[1]), Invalid);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace bsft
