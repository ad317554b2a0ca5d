#include "launch/memory_record.hpp"

#include <gtest/gtest.h>

#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

TEST(MemoryRecord, ReadsWhatTheKernelSaysOfThisProcess) {
  Scratch const root("memory_record");
  std::filesystem::create_directories(root / "proc/self");
  write_atomically(root / "proc/self/status", "Name:\tbsft\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t2\n");
  ResidentMemory const read = resident_memory(root / "");
  EXPECT_EQ(read.peak, 2 << 20);
  EXPECT_EQ(read.now, 1 << 20);
  EXPECT_EQ(resident_memory(root / "none").peak, 0);
  std::string const block(std::size_t{64} << 20, 'x');  // each page is touched
  ResidentMemory const here = resident_memory();
  EXPECT_GT(here.now, static_cast<std::int64_t>(block.size()));
  EXPECT_GE(here.peak, here.now);
}

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
