#include "launch/doctor/deadline.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace bsft::doctor {

Deadline::Deadline(double seconds, Expired expired) : seconds_(seconds) {
  watcher_ = std::thread([this, expired = std::move(expired)] {
    std::unique_lock lock(mutex_);
    auto const end = start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
    if (changed_.wait_until(lock, end, [this] { return met_; })) return;
    std::string const stage = stage_;
    Exit const code = code_;
    if (shows_ && ::isatty(STDERR_FILENO) == 1) std::fputs("\r\x1b[K", stderr);
    lock.unlock();
    expired(stage, code);
  });
}

Deadline::~Deadline() {
  met();
  watcher_.join();
}

void Deadline::at(std::string const& stage, Exit code) {
  std::lock_guard const lock(mutex_);
  stage_ = stage;
  code_ = code;
  if (shows_ && ::isatty(STDERR_FILENO) == 1) {
    std::fprintf(stderr, "\r\x1b[Kbsft doctor: %s", stage.c_str());
    std::fflush(stderr);
  }
}

double Deadline::elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

std::string Deadline::stage() const {
  std::lock_guard const lock(mutex_);
  return stage_;
}

void Deadline::met() {
  std::lock_guard const lock(mutex_);
  if (!std::exchange(met_, true) && shows_ && ::isatty(STDERR_FILENO) == 1) std::fputs("\r\x1b[K", stderr);
  changed_.notify_all();
}

}  // namespace bsft::doctor
