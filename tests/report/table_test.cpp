#include "trainer/report/table.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

Table example() {
  Table table({{"task"}, {"F1", Align::right}});
  table.add({"dose|limit", "0.5"}).add_rule().add({"Übelkeit", "0.125"});
  return table;
}

TEST(Table, TerminalAlignsByCodePoints) {
  EXPECT_EQ(example().render(TableStyle::terminal),
            "task           F1\n"
            "----------  -----\n"
            "dose|limit    0.5\n"
            "----------  -----\n"
            "Übelkeit    0.125\n");
}

TEST(Table, MarkdownEscapesBars) {
  EXPECT_EQ(example().render(TableStyle::markdown),
            "| task        |    F1 |\n"
            "| ----------- | ----: |\n"
            "| dose\\|limit |   0.5 |\n"
            "| Übelkeit    | 0.125 |\n");
}

TEST(Table, NamesFromFilesCannotAct) {
  Table table({{"task"}});
  table
      .add({"a\x1b[2Jb\xc2\x9b"
            "c\n"})
      .add({"<script>alert(\"x\")&</script>"});
  std::string const terminal = table.render(TableStyle::terminal);
  EXPECT_NE(terminal.find("a?[2Jb?c?"), std::string::npos) << terminal;
  std::string const html = table.render(TableStyle::html);
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(&quot;x&quot;)&amp;&lt;/script&gt;"), std::string::npos) << html;
}

TEST(Table, Decimals) {
  EXPECT_EQ(decimal(0.91249), "0.912");
  EXPECT_EQ(decimal(std::nullopt), "-");
  EXPECT_EQ(decimal(10, 0), "10");
}

}  // namespace
}  // namespace bsft
