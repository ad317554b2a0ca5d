// An end for what may never answer: a rank that is stopped, a network that swallows messages, a file system that hangs.
//
// at(stage, code) says what is done next; where the time is over, expired(stage, code) is called once on a thread of
// its own, and must end the process.  The stage is shown on standard error where that is a terminal and `shows`.
// Threads: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "data/base/error.hpp"

namespace bsft::doctor {

class Deadline {
 public:
  using Expired = std::function<void(std::string const& stage, Exit code)>;
  Deadline(double seconds, Expired expired);
  ~Deadline();
  Deadline(Deadline const&) = delete;
  Deadline& operator=(Deadline const&) = delete;

  void show(bool shows) { shows_ = shows; }
  void at(std::string const& stage, Exit code);
  std::string stage() const;
  double elapsed() const;  // seconds
  // The time is not over any more; the line on the terminal is cleared.
  void met();

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  double seconds_;
  bool shows_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool met_ = false;
  std::string stage_ = "start";
  Exit code_ = Exit::unavailable;
  std::thread watcher_;
};

}  // namespace bsft::doctor
