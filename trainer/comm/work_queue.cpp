#include "trainer/comm/work_queue.hpp"

#include <sys/prctl.h>

#include <utility>

namespace bsft {

WorkQueue::~WorkQueue() {
  {
    std::lock_guard const lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Pending WorkQueue::add(std::function<void()> work) {
  if (!own_thread_) {
    if (error_) std::rethrow_exception(error_);
    try {
      work();
    } catch (...) {
      error_ = std::current_exception();
      throw;
    }
    return Pending();
  }
  auto const piece = std::make_shared<Piece>(Piece{std::move(work), false, nullptr});
  {
    std::lock_guard const lock(mutex_);
    pieces_.push_back(piece);
    if (!thread_.joinable()) thread_ = std::thread([this] { carry_out(); });
  }
  changed_.notify_all();
  return Pending([this, piece] {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return piece->done; });
    if (piece->error) std::rethrow_exception(piece->error);
  });
}

void WorkQueue::carry_out() {
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // nanoseconds: short naps end when they should
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || !pieces_.empty(); });
    if (ends_) return;
    auto const piece = pieces_.front();
    pieces_.pop_front();
    if (!error_) {
      lock.unlock();
      std::exception_ptr error;
      try {
        piece->work();
      } catch (...) {
        error = std::current_exception();
      }
      piece->work = nullptr;  // its tensors
      lock.lock();
      error_ = error;
    }
    piece->error = error_;
    piece->done = true;
    changed_.notify_all();
  }
}

}  // namespace bsft
