#include "launch/memory_record.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

TEST(MemoryRecord, AnEventHasARankAnEntry) {
  MemoryRecord record{1, "node \xff", false, 10, 20, {}, 70, 99};
  record.plan.weights = 30;
  record.plan.accumulating = 5;
  OrderedJson const event = memory_event(4, {to_line({}), to_line(record)});
  EXPECT_EQ(event["step"], 4);
  ASSERT_EQ(event["ranks"].size(), 2u);
  EXPECT_EQ(
      event["ranks"][1].dump(),
      "{\"rank\":1,\"host\":\"node \xEF\xBF\xBD\",\"on_device\":false,\"before\":10,\"available\":20,\"weights\":30,"
      "\"gradient\":0,\"moments\":0,\"partial\":0,\"frozen\":0,\"passing\":0,\"accumulating\":5,\"copy\":70,"
      "\"peak\":99}");
}

}  // namespace
}  // namespace bsft
