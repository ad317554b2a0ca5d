// The command line: what is understood, and each refusal's one line.
#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "launch/options.hpp"

namespace bsft {
namespace {

Command sample() {
  return {"data build",
          "Prepare",
          "tokenise and store",
          "",
          {{"records", "FILE.jsonl", "records", "", true, true},
           {"model", "DIR", "tokenizer's folder", "", true, false},
           {"cases", "N", "how many", "100", false, false},
           {"share", "X", "a share", "0.5", false, false},
           {"dry-run", "", "write nothing", "", false, false}},
          {"bsft data build --records a.jsonl --model m"},
          [](Arguments const&) { return 0; }};
}

std::vector<std::string> const good = {"--records", "a", "--model", "m"};

std::vector<std::string> with(std::vector<std::string> words) {
  words.insert(words.begin(), good.begin(), good.end());
  return words;
}

void expect_refused(std::vector<std::string> const& words, std::string const& line, Command const& command = sample()) {
  try {
    parse(command, words);
    FAIL() << testing::PrintToString(words) << " was taken";
  } catch (Invalid const& error) {
    EXPECT_EQ(error.code(), Exit::usage);
    EXPECT_STREQ(error.what(), line.c_str());
  }
}

TEST(Options, Values) {
  Arguments const a =
      parse(sample(), {"--records", "a", "b", "--model=m", "--records", "c", "--cases", "-5", "--dry-run"});
  EXPECT_EQ(a.list("records"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(a.text("model"), "m");
  EXPECT_EQ(a.integer("cases"), -5);
  EXPECT_EQ(a.real("share"), 0.5);
  EXPECT_TRUE(a.has("dry-run"));
  EXPECT_FALSE(a.has("share"));  // a default is not typed
  EXPECT_EQ(a.text("absent"), "");
  EXPECT_TRUE(a.positional.empty());
}

TEST(Options, Refused) {
  expect_refused({"--record", "a", "--model", "m"},
                 "unknown option --record (bsft data build does not have it) did you mean --records?");
  expect_refused(with({"--dry"}), "unknown option --dry (bsft data build does not have it) see bsft data build --help");
  expect_refused(with({"--dry-ru"}),
                 "unknown option --dry-ru (bsft data build does not have it) did you mean --dry-run?");
  expect_refused(with({"--dry-run=yes"}), "--dry-run (it takes no value) see bsft data build --help");
  expect_refused(with({"--model", "n"}), "--model (given twice) see bsft data build --help");
  expect_refused({"--records", "a", "--model"}, "--model (it needs a value: --model DIR) see bsft data build --help");
  expect_refused({"--records", "a"}, "bsft data build (--model DIR is missing) see bsft data build --help");
  expect_refused({"--model", "m"}, "bsft data build (--records FILE.jsonl… is missing) see bsft data build --help");
  expect_refused({"x", "--records", "a", "--model", "m"},
                 "unexpected word 'x' (bsft data build takes options only) see bsft data build --help");
}

TEST(Options, Numbers) {
  for (std::string const text : {"x", "1x", "0x10", "1.5", "", " 1"}) {
    Arguments a;
    a.values["cases"] = {text};
    EXPECT_THROW(a.integer("cases"), Invalid) << text;
  }
  for (std::string const text : {"x", "nan", "inf", "1e999", "1,5"}) {
    Arguments a;
    a.values["share"] = {text};
    EXPECT_THROW(a.real("share"), Invalid) << text;
  }
  Arguments a;
  a.values["cases"] = {"99999999999999999999"};
  try {
    a.integer("cases");
    FAIL();
  } catch (Invalid const& error) {
    EXPECT_STREQ(error.what(), "--cases 99999999999999999999 (too large) write a whole number");
  }
}

TEST(Options, Positional) {
  Command command = sample();
  command.options.clear();
  command.positional = "FILE.h5";
  EXPECT_EQ(parse(command, {"a.h5"}).positional, (std::vector<std::string>{"a.h5"}));
  expect_refused({}, "bsft data build (FILE.h5 is missing) see bsft data build --help", command);
  expect_refused({"a", "b"}, "unexpected word 'b' (bsft data build takes one FILE.h5) see bsft data build --help",
                 command);
  command.positional = "[FILE.h5]";
  EXPECT_TRUE(parse(command, {}).positional.empty());
  command.positional = "RUN_DIR…";
  EXPECT_EQ(parse(command, {"a", "b"}).positional.size(), 2u);
  EXPECT_EQ(parse(command, {"--", "--strange"}).positional, (std::vector<std::string>{"--strange"}));
}

TEST(Options, HelpListsEveryOption) {
  EXPECT_EQ(help_of(sample()),
            "bsft data build – tokenise and store\n"
            "\n"
            "  bsft data build --records FILE.jsonl… --model DIR [--cases N] [--share X] [--dry-run]\n"
            "\n"
            "Options\n"
            "  --records FILE.jsonl…   records\n"
            "  --model DIR             tokenizer's folder\n"
            "  --cases N               how many (default 100)\n"
            "  --share X               a share (default 0.5)\n"
            "  --dry-run               write nothing\n"
            "\n"
            "Examples\n"
            "  bsft data build --records a.jsonl --model m\n");
}

}  // namespace
}  // namespace bsft
