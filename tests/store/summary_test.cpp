#include "data/store/summary.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "tests/base/scratch.hpp"
#include "tests/store/sample.hpp"

namespace bsft {
namespace {

OrderedJson summary_of_file(std::filesystem::path const& file, int count,
                            std::function<void(int, Sample&)> const& change, std::string const& certificate) {
  StoreWriter writer;
  for (int i = 0; i < count; ++i) {
    auto one = sample(i);
    if (change) change(i, one);
    writer.add(one.encoded, one.record);
  }
  writer.finish(file, sample_catalog(), sample_bytes, [&](std::string const&) { return certificate; });
  return summary_of(StoreReader(file));
}

std::string const passed = R"({"passed": true, "findings": 0, "cells": [)"
                           R"({"task": 0, "behavior": 1, "split": "dev", "truncated": 2, "dropped": 3},)"
                           R"({"task": 1, "behavior": 1, "split": "test", "truncated": 0, "dropped": 4}]})";

TEST(Summary, CountsWhatIsThereAndTakesTheRestFromTheCertificate) {
  Scratch const scratch("summary");
  OrderedJson const json = summary_of_file(scratch / "a.h5", 9, {}, passed);
  EXPECT_EQ(json["passed"], true);
  EXPECT_EQ(json["max_length"], 64);
  EXPECT_EQ(json["in_two_splits"], (OrderedJson{{"cases", 0}, {"twin_sets", 0}}));
  // records 3 and 4 have 5 + 3 and 5 + 4 tokens of prompt and five more
  EXPECT_EQ(json["tasks"]["dose"]["proactive"]["dev"].dump(),
            R"({"records":2,"tokens":27,"shortest":13,"median":13,"longest":14,"truncated":2,"left_out":3})");
  EXPECT_EQ(json["tasks"]["note"]["proactive"]["test"].dump(),
            R"({"records":0,"tokens":0,"truncated":0,"left_out":4})");
  EXPECT_EQ(json["tasks"]["note"]["reactive"].size(), 3u);
  // lengths 10 to 18: bins of one token
  EXPECT_EQ(json["lengths"]["bin"], 1);
  for (char const* const split : {"train", "dev", "test"}) {
    auto const counts = json["lengths"]["splits"][split].get<std::vector<std::int64_t>>();
    ASSERT_EQ(counts.size(), 18u);
    int const first = split[1] == 'r' ? 10 : split[0] == 'd' ? 13 : 16;
    for (int length = 1; length <= 18; ++length)
      EXPECT_EQ(counts[static_cast<std::size_t>(length - 1)], length >= first && length < first + 3) << split << length;
  }
}

TEST(Summary, CountsCasesAndTwinSetsInTwoSplits) {
  Scratch const scratch("summary");
  auto const leaks = [](int i, Sample& one) {
    if (i == 3) one.record.case_id = "case 0";  // dev, where the others are train
    if (i == 3 || i == 6) one.record.twin_id = "twin 0";
    if (i == 7) one.record.twin_id = "twin 1";
  };
  OrderedJson const json = summary_of_file(scratch / "a.h5", 9, leaks, passed);
  EXPECT_EQ(json["in_two_splits"], (OrderedJson{{"cases", 1}, {"twin_sets", 2}}));
}

TEST(Summary, RefusesACertificateOfAnotherShape) {
  Scratch const scratch("summary");
  for (char const* const text : {"{}", R"({"passed": true, "findings": 0, "cells": [{"task": 9}]})",
                                 R"({"passed": true, "findings": 0, "cells": [{"task": 9, "behavior": 0, "split": "dev",
                                     "truncated": 0, "dropped": 0}]})"})
    EXPECT_THROW(summary_of_file(scratch / "a.h5", 3, {}, text), Broken) << text;
}

}  // namespace
}  // namespace bsft
