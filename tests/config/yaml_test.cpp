// YAML from strangers: limits, aliases, tags, encodings; and mutations of a valid file that must never crash.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "data/base/error.hpp"
#include "trainer/config/config.hpp"
#include "trainer/config/resolve.hpp"
#include "trainer/config/yaml.hpp"

namespace bsft {
namespace {

std::vector<std::string> findings_of(std::string const& text) {
  std::vector<std::string> findings;
  parse_yaml(text, "f", findings);
  return findings;
}

std::string only(std::string const& text) {
  std::vector<std::string> const findings = findings_of(text);
  return findings.size() == 1 ? findings[0] : testing::PrintToString(findings);
}

TEST(Yaml, Limits) {
  EXPECT_EQ(only(std::string((1 << 20) + 1, ' ')), "f: too large (1048577 bytes, at most 1048576)");
  EXPECT_TRUE(findings_of(std::string(63, '[') + std::string(63, ']')).empty());
  EXPECT_TRUE(findings_of(std::string(64, '[') + std::string(64, ']')).empty());
  EXPECT_EQ(only(std::string(65, '[') + std::string(65, ']')), "f:1:65: too deep (at most 64 levels)");
  EXPECT_EQ(findings_of(std::string(100000, '[')).size(), 1u);
  std::string long_list = "[";
  for (int i = 0; i < 9999; ++i) long_list += "1,";
  EXPECT_TRUE(findings_of(long_list + "]").empty());
  EXPECT_EQ(only(long_list + "1]"), "f:1:20000: too many nodes (at most 10000, aliases expanded) make it shorter");
  EXPECT_EQ(only("a: " + std::string((64 << 10) + 1, 'x')), "f:1:4: too long (a value has at most 65536 bytes)");
  EXPECT_EQ(only(std::string(129, 'k') + ": 1"), "f:1:1: not a key (keys are words of at most 128 bytes)");
}

TEST(Yaml, AliasCycle) {
  EXPECT_EQ(only("a: &x [*x]"), "f:1:8: an alias inside what it stands for (a cycle without end) write the value out");
  EXPECT_EQ(only("&x {a: {b: *x}}"),
            "f:1:12: an alias inside what it stands for (a cycle without end) write the value out");
}

TEST(Yaml, AliasBomb) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    std::string const previous = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + previous;
    for (int k = 1; k < 9; ++k) bomb += "," + previous;
    bomb += "]\n";
  }
  auto const start = std::chrono::steady_clock::now();
  EXPECT_EQ(only(bomb).rfind("f:5:", 0), 0u) << only(bomb);
  EXPECT_NE(only(bomb).find("too many nodes"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  std::string many = "a: &a 1\nb: [";
  for (int i = 0; i < 101; ++i) many += "*a,";
  EXPECT_EQ(only(many + "]"), "f:2:305: too many aliases (at most 100) write the values out");
}

TEST(Yaml, AliasesWithinTheLimitsAreValues) {
  std::vector<std::string> findings;
  Yaml const tree = parse_yaml("a: &x [1, 2]\nb: *x\n", "f", findings);
  ASSERT_TRUE(findings.empty());
  ASSERT_EQ(tree->entries.size(), 2u);
  EXPECT_EQ(tree->entries[1].value->items[1]->text, "2");
  EXPECT_EQ(tree->entries[1].value->place.text(), "f:2:4");
}

TEST(Yaml, Refused) {
  EXPECT_EQ(only("a: !!int 5"),
            "f:1:4: tag tag:yaml.org,2002:int (types come from the key, not from the file) remove the tag");
  EXPECT_EQ(only("a: !new {b: 1}").rfind("f:1:4: tag ", 0), 0u);
  EXPECT_EQ(only("a: &x {b: 1}\nc: {<<: *x}"), "f:2:5: merge key << (it was dropped from YAML 1.2) write the keys out");
  EXPECT_EQ(only("a: 1\n---\nb: 2"), "f:3:1: a second document (a configuration is one) remove ---");
  EXPECT_EQ(only("? [a]\n: 1").rfind("f:1:3: a list or a map as a key", 0), 0u);
  EXPECT_EQ(only("a: 1\na: 2"), "f:2:1: duplicate key a (first at f:1:1) keep one of them");
  EXPECT_EQ(only("a: \xff"), "f:1:4: byte 3 (not UTF-8 text) save the file as UTF-8");
  EXPECT_EQ(only("a:\n \xc0\x80"), "f:2:2: byte 4 (not UTF-8 text) save the file as UTF-8");
  EXPECT_EQ(only(std::string("a\0b", 3)), "f:1:2: byte 1 (not UTF-8 text) save the file as UTF-8");
  EXPECT_EQ(only("a: [1").rfind("f:", 0), 0u);
  EXPECT_EQ(only("a:\n\t- 1").rfind("f:2:", 0), 0u);
  EXPECT_EQ(only("a: *nothing").rfind("f:1:", 0), 0u);
}

// Every mutation is either read or refused with Findings; nothing else is thrown, nothing crashes.
TEST(Yaml, MutationsNeverCrash) {
  std::string const seed_text =
      to_yaml(Config{}) + "# comment\nextra: &x {a: [1, 2], b: *x}\n'q': \"\\u00e9\"\nblock: |\n  text\n? k\n: v\n";
  std::mt19937 random(7);
  auto const below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::string const pieces[] = {"&x ",         "*x", "!!t ", "<<: ", "{",   "}",    "[",   "]",        ": ",
                                "- ",          "\n", "\t",   "\"",   "'",   "|",    ">",   "---\n",    "...\n",
                                "%YAML 1.2\n", "# ", "? ",   ",",    "010", ".inf", "yes", "\xc3\xa9", "\\"};
  int refused = 0, read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = round % 3 == 0 ? std::string() : seed_text.substr(below(seed_text.size()), 1 + below(400));
    for (std::size_t edits = 1 + below(8); edits > 0; --edits) {
      std::size_t const at = below(text.size() + 1);
      switch (below(4)) {
        case 0:
          text.insert(at, pieces[below(std::size(pieces))]);
          break;
        case 1:
          text.erase(at, 1 + below(5));
          break;
        case 2:
          text.insert(at, 1, static_cast<char>(below(256)));
          break;
        default:
          text.insert(at, text.substr(below(text.size() + 1), below(40)));
      }
    }
    std::vector<std::string> findings;
    Yaml const tree = parse_yaml(text, "f", findings);
    resolve(tree, "f", {}, Files::may_lack, findings);
    (findings.empty() ? read : refused)++;
    for (std::string const& line : findings) ASSERT_EQ(line.find('\n'), std::string::npos) << line;
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace bsft
