#include "trainer/comm/threads.hpp"

#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "data/base/error.hpp"
#include "trainer/comm/collectives.hpp"

namespace bsft {
namespace {

// Where a rank leaves what another is to fetch.
struct Post {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, int>, at::Tensor> left;               // (from, to); taken away when it has been copied
  std::map<std::pair<int, int>, std::shared_ptr<Post>> groups;  // of a split: (how many-th, colour)
  std::map<int, std::map<int, int>> colors;                     // how many-th split -> rank -> colour
};

class ThreadsLink final : public Link {
 public:
  ThreadsLink(std::shared_ptr<Post> post, int rank, int size) : post_(std::move(post)), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "threads"; }
  bool sum(at::Tensor const&) override { return false; }

  void move(std::span<Message const> out, std::span<Message const> in) override {
    std::unique_lock lock(post_->mutex);
    for (Message const& message : out) {
      if (message.x.numel() > 0) post_->left[{rank_, message.rank}] = message.x;
    }
    post_->changed.notify_all();
    for (Message const& message : in) {
      if (message.x.numel() == 0) continue;
      std::pair const key(message.rank, rank_);
      await(lock, [&] { return post_->left.count(key) > 0; });
      at::Tensor const theirs = post_->left[key];
      ensure(theirs.nbytes() == message.x.nbytes(), "both sides of a message have its length");
      std::memcpy(message.x.data_ptr(), theirs.const_data_ptr(), theirs.nbytes());
      post_->left.erase(key);
      post_->changed.notify_all();
    }
    await(lock, [&] {
      for (Message const& message : out) {
        if (post_->left.count({rank_, message.rank}) > 0) return false;
      }
      return true;
    });
  }

  std::unique_ptr<Link> split(int color) override {
    std::unique_lock lock(post_->mutex);
    int const which = splits_++;
    auto& colors = post_->colors[which];
    colors[rank_] = color;
    post_->changed.notify_all();
    await(lock, [&] { return static_cast<int>(colors.size()) == size_; });
    if (color < 0) return nullptr;
    auto& group = post_->groups[{which, color}];
    if (!group) group = std::make_shared<Post>();
    int place = 0, count = 0;
    for (auto const& [rank, theirs] : colors) {
      if (theirs != color) continue;
      place += rank < rank_ ? 1 : 0;
      ++count;
    }
    return std::make_unique<ThreadsLink>(group, place, count);
  }

  void stop() override {
    std::lock_guard const lock(post_->mutex);
    stopped_ = true;
    post_->changed.notify_all();
  }

 private:
  template <class Condition>
  void await(std::unique_lock<std::mutex>& lock, Condition condition) {
    post_->changed.wait(lock, [&] { return stopped_ || condition(); });
    if (stopped_) throw Failed(Exit::peer_lost, "this rank's part in its group", "it has left", "");
  }

  std::shared_ptr<Post> post_;
  int rank_, size_, splits_ = 0;
  bool stopped_ = false;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> threads_communicators(int ranks, Reduction reduction,
                                                                 std::int64_t segment_bytes) {
  auto const post = std::make_shared<Post>();
  std::vector<std::unique_ptr<Communicator>> all;
  for (int r = 0; r < ranks; ++r) {
    all.push_back(
        collectives(std::make_unique<ThreadsLink>(post, r, ranks), reduction, Progress::background, segment_bytes));
  }
  return all;
}

}  // namespace bsft
