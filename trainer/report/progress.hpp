// Show how training goes: one bar that stays in place on a terminal, plain lines every log.every steps elsewhere.
//
//   step 120/2400  loss 1.2345  behaviour 0.98  12,345 tokens/s  lr 3.0e-04  left 12:34
// Time left follows a moving mean of the seconds a step, evaluation and checkpoints included.  Writes to the stream
// given (standard error); one rank only.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "trainer/loop/metrics.hpp"

namespace bsft {

enum class ProgressStyle { quiet, plain, bar };
// quiet where log.level says so, a bar where the stream is a terminal.
ProgressStyle progress_style(std::string const& level, std::FILE* stream);

// 3,725 seconds -> "1:02:05", 65 -> "1:05".
std::string clock_text(double seconds);
// 1234567 -> "1,234,567".
std::string grouped(std::int64_t number);

class Progress {
 public:
  Progress(std::int64_t from, std::int64_t total, std::int64_t every, ProgressStyle style, std::FILE* stream = stderr);
  ~Progress();
  void step(StepMetrics const& metrics);
  // A line between the steps.
  void say(std::string const& line);

 private:
  using Clock = std::chrono::steady_clock;
  std::string text(StepMetrics const& metrics, double left) const;
  void clear();

  std::int64_t total_, every_;
  ProgressStyle style_;
  std::FILE* stream_;
  double seconds_a_step_ = 0;
  double tokens_a_second_ = 0;
  Clock::time_point last_, drawn_{};
  bool on_screen_ = false;
};

}  // namespace bsft
