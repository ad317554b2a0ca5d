#include "trainer/report/progress.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "tests/base/scratch.hpp"
#include "trainer/report/metrics_log.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {
namespace {

StepMetrics metrics(std::int64_t step) {
  StepMetrics m;
  m.step = step;
  m.loss = 1.5;
  m.learning_rate = 3e-4;
  m.tokens_per_second = 12345;
  m.channels[0] = {0.5, 0.75, 0.6, 4};
  return m;
}

// What a run of `steps` steps leaves in `stream`.
void run(std::FILE* stream, ProgressStyle style, std::int64_t steps, std::int64_t every) {
  Progress progress(0, steps, every, style, stream);
  for (std::int64_t s = 1; s <= steps; ++s) progress.step(metrics(s));
}

std::string written(ProgressStyle style, std::int64_t steps, std::int64_t every) {
  std::FILE* const stream = std::tmpfile();
  run(stream, style, steps, every);
  std::string text(static_cast<std::size_t>(std::ftell(stream)), '\0');
  std::rewind(stream);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), stream), text.size());
  std::fclose(stream);
  return text;
}

TEST(Progress, PlainLinesOffATerminal) {
  std::string const text = written(ProgressStyle::plain, 25, 10);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << text;  // 1, 10, 20, 25
  EXPECT_NE(text.find("step 20/25  loss 1.5000  behaviour 0.75  12,345 tokens/s  lr 3.0e-04  left 0:0"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(written(ProgressStyle::quiet, 25, 10), "");
}

TEST(Progress, OneBarOnATerminal) {
  int const controller = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(controller, 0);
  ASSERT_EQ(::grantpt(controller), 0);
  ASSERT_EQ(::unlockpt(controller), 0);
  std::FILE* const terminal = ::fopen(::ptsname(controller), "w");
  ASSERT_NE(terminal, nullptr);
  EXPECT_EQ(progress_style("info", terminal), ProgressStyle::bar);
  EXPECT_EQ(progress_style("quiet", terminal), ProgressStyle::quiet);
  run(terminal, progress_style("info", terminal), 30, 10);
  // A terminal hands over what was written in pieces, so read until it hangs up.
  std::fclose(terminal);
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = ::read(controller, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(size));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << "one line, ended once";
  EXPECT_NE(text.find("[================] step 30/30"), std::string::npos) << text;
  ::close(controller);
}

TEST(Progress, NumbersForPeople) {
  EXPECT_EQ(clock_text(65), "1:05");
  EXPECT_EQ(clock_text(3725), "1:02:05");
  EXPECT_EQ(clock_text(-3), "0:00");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-1234), "-1,234");
}

TEST(MetricsLog, OneLineAStepAlsoAfterAResume) {
  Scratch const scratch("metrics");
  auto const file = scratch / "metrics.jsonl";
  {
    MetricsLog log(file, 0);
    for (std::int64_t s = 1; s <= 5; ++s) log.write(metrics(s));
  }
  append_line(file, "{\"step\": 6, \"lo");  // torn by a kill
  MetricsLog log(file, 3);
  for (std::int64_t s = 4; s <= 6; ++s) log.write(metrics(s));
  std::string const text = read_file(file);
  std::vector<std::int64_t> steps;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    Json const line = parse_json(text.substr(at, text.find('\n', at) - at), "metrics");
    steps.push_back(line.at("step").get<std::int64_t>());
    EXPECT_EQ(line.at("behavior_accuracy").get<double>(), 0.75);
    EXPECT_TRUE(line.at("response_loss").is_null()) << "a channel without rows has no mean";
  }
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
}

TEST(RunStatus, IsWhatWasWritten) {
  Scratch const scratch("status");
  write_status(scratch / "", {"failed", 86, 7, 10, "the loss"});
  Json const json = read_json(scratch / "status.json");
  EXPECT_EQ(json.at("exit_code").get<int>(), 86);
  EXPECT_EQ(json.at("state").get<std::string>(), "failed");
  write_status(scratch / "", {"running", -1, 7, 10, ""});
  EXPECT_TRUE(read_json(scratch / "status.json").at("exit_code").is_null());
}

}  // namespace
}  // namespace bsft
