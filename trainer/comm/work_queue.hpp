// Work done in the order given, on a thread of its own, or at once.
//
// After an error the rest fails with it.  The destructor finishes the piece under way and drops those after it.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "trainer/comm/communicator.hpp"

namespace bsft {

class WorkQueue {
 public:
  explicit WorkQueue(bool own_thread) : own_thread_(own_thread) {}
  ~WorkQueue();
  WorkQueue(WorkQueue const&) = delete;
  WorkQueue& operator=(WorkQueue const&) = delete;
  Pending add(std::function<void()> work);

 private:
  struct Piece {
    std::function<void()> work;
    bool done = false;
    std::exception_ptr error;
  };
  void carry_out();

  bool const own_thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Piece>> pieces_;
  bool ends_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // started with the first piece
};

}  // namespace bsft
