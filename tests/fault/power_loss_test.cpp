// Power is lost at every moment of a save: whatever of the unsynced writes, names and removals had reached the disk,
// the old step or the new one is loaded, to the bit, and the new one once its save was reported done.
//
// disk_journal.c, preloaded, writes down the calls of a job that takes the folder of step 1, saves step 2 and removes
// step 1.  A model of a disk replays them: what is synced (a file's content by fsync of it, names by fsync of their
// folder) is there; of the rest any part may be, each call for itself, a write also by half.  Stronger than any file
// system promises: names may reach the disk in another order than they were made.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>

#include "data/base/digest.hpp"
#include "tests/base/scratch.hpp"
#include "tests/checkpoint/small_run.hpp"
#include "tests/fault/disk_journal.h"

namespace bsft {
namespace {

using namespace testing;

template <class Function>
Function* preloaded(char const* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

struct Node {
  bool folder = false;
  std::string content;
  std::map<std::string, int> names;  // of a folder: number of the node
};

// Node 0 is the root.
using Disk = std::vector<Node>;

// A change of one file's content, or of the names of some folders at once.
struct DiskChange {
  int file = -1;
  std::size_t offset = 0, size = 0;
  bool resizes = false;
  std::string bytes;
  struct Name {
    int folder;
    std::string name;
    int node;  // -1: gone
  };
  std::vector<Name> names;

  bool of(int node) const {
    return file == node || std::any_of(names.begin(), names.end(), [&](Name const& one) { return one.folder == node; });
  }
};

void carry_out(DiskChange const& change, Disk& disk, bool half = false) {
  for (auto const& [folder, name, node] : change.names) {
    auto& names = disk[static_cast<std::size_t>(folder)].names;
    if (node < 0)
      names.erase(name);
    else
      names[name] = node;
  }
  if (change.file < 0) return;
  std::string& content = disk[static_cast<std::size_t>(change.file)].content;
  if (change.resizes) {
    content.resize(change.size);
    return;
  }
  std::size_t const size = half ? change.bytes.size() / 2 : change.bytes.size();
  content.resize(std::max(content.size(), change.offset + size));
  content.replace(change.offset, size, change.bytes, 0, size);
}

// What programs see, what the disk holds for certain, and the changes that are between the two, in their order.
class PoweredDisk {
 public:
  PoweredDisk(fs::path root, fs::path const& from) : root_(std::move(root)) {
    seen_.emplace_back().folder = true;
    take(from, 0);
    synced_ = seen_;
  }

  void replay(disk_call const& call) {
    auto const [folder, name] = place(call.path);
    switch (call.verb) {
      case disk_create:
      case disk_mkdir:
        seen_.push_back({call.verb == disk_mkdir, "", {}});
        synced_.push_back(seen_.back());
        return change({.names = {{folder, name, static_cast<int>(seen_.size()) - 1}}});
      case disk_write:
        return change({.file = node(call.path), .offset = call.offset, .bytes = {call.bytes, call.size}});
      case disk_resize:
        return change({.file = node(call.path), .size = call.size, .resizes = true});
      case disk_sync: {
        int const synced = node(call.path);
        std::vector<DiskChange> left;
        for (DiskChange& one : pending_)
          if (one.of(synced))
            carry_out(one, synced_);
          else
            left.push_back(std::move(one));
        pending_ = std::move(left);
        return;
      }
      case disk_remove:
        return change({.names = {{folder, name, -1}}});
      default:
        break;
    }
    auto const [to_folder, to_name] = place(call.target);
    int const moved = node(call.path);
    if (call.verb == disk_link) return change({.names = {{to_folder, to_name, moved}}});
    if (call.verb == disk_exchange)
      return change({.names = {{folder, name, node(call.target)}, {to_folder, to_name, moved}}});
    change({.names = {{folder, name, -1}, {to_folder, to_name, moved}}});
  }

  std::size_t pending() const { return pending_.size(); }

  // 0: not on the disk, 1: half of it, where it is a write, 2: all of it.
  Disk after_loss(std::function<int(std::size_t)> const& fate) const {
    Disk disk = synced_;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      int const one = fate(i);
      bool const writes = pending_[i].file >= 0 && !pending_[i].resizes;
      if (one == 2 || (one == 1 && writes)) carry_out(pending_[i], disk, one == 1);
    }
    return disk;
  }

 private:
  void take(fs::path const& folder, int number) {
    for (auto const& entry : fs::directory_iterator(folder)) {
      int const child = static_cast<int>(seen_.size());
      bool const is_folder = entry.is_directory();
      seen_.push_back({is_folder, is_folder ? "" : read_file(entry.path()), {}});
      seen_[static_cast<std::size_t>(number)].names[entry.path().filename().string()] = child;
      if (is_folder) take(entry.path(), child);
    }
  }

  int node(fs::path const& path) const {
    int number = 0;
    for (fs::path const& part : path.lexically_relative(root_)) {
      if (part == ".") continue;
      auto const& names = seen_[static_cast<std::size_t>(number)].names;
      auto const found = names.find(part.string());
      if (found == names.end()) throw std::runtime_error("the model does not know " + path.string());
      number = found->second;
    }
    return number;
  }
  std::pair<int, std::string> place(fs::path const& path) const {
    return {path == root_ ? 0 : node(path.parent_path()), path.filename().string()};
  }
  void change(DiskChange one) {
    carry_out(one, seen_);
    pending_.push_back(std::move(one));
  }

  fs::path root_;
  Disk seen_, synced_;
  std::vector<DiskChange> pending_;
};

void make_folder(Disk const& disk, int number, fs::path const& folder) {
  fs::create_directories(folder);
  for (auto const& [name, child] : disk[static_cast<std::size_t>(number)].names) {
    Node const& node = disk[static_cast<std::size_t>(child)];
    if (node.folder)
      make_folder(disk, child, folder / name);
    else
      std::ofstream(folder / name, std::ios::binary) << node.content;
  }
}

TEST(PowerLoss, TheOldStepOrTheNewAndNeverLessThanWasReported) {
  auto* const start = preloaded<decltype(disk_journal_start)>("disk_journal_start");
  ASSERT_NE(start, nullptr) << "start it with LD_PRELOAD=…/libdisk_journal.so";
  auto* const stop = preloaded<decltype(disk_journal_stop)>("disk_journal_stop");
  auto* const mark = preloaded<decltype(disk_journal_mark)>("disk_journal_mark");
  auto* const length = preloaded<decltype(disk_journal_length)>("disk_journal_length");
  auto* const call = preloaded<decltype(disk_journal_call)>("disk_journal_call");

  char const* const wanted = std::getenv("BSFT_POWER_LOSS_STATES");
  std::size_t const states = wanted != nullptr ? std::stoul(wanted) : 1000;
  constexpr std::uint64_t seed = 5;
  SmallState const first(1), second(2), third(3);
  Scratch const scratch("power_loss");
  fs::path const run = fs::canonical(scratch / "") / "run", lost = scratch / "lost";
  save(run, 1);
  PoweredDisk disk(run, run);
  start();
  {
    SmallRun job(run, Retention{1, 0});
    ASSERT_EQ(job.save(second).code, Exit::done);
    mark();
  }
  stop();

  // The moments of the save, by the calls until then; a moment where more is under way is visited more often.
  std::size_t const calls = length();
  std::size_t const each = std::max<std::size_t>(1, states / calls);
  std::size_t tried = 0, good = 0, of_the_old = 0;
  bool reported = false;
  for (std::size_t k = 0; k < calls; ++k) {
    if (call(k)->verb == disk_mark)
      reported = true;
    else
      disk.replay(*call(k));
    for (std::size_t trial = 0; trial < (disk.pending() == 0 ? 1 : each); ++trial) {
      auto const fate = [&](std::size_t change) -> int {
        if (trial == 0) return 0;
        if (trial == 1) return 2;
        return static_cast<int>(mix(seed, k, trial * 10'000 + change) % 3);
      };
      fs::remove_all(lost);
      make_folder(disk.after_loss(fate), 0, lost);
      std::string const where = "after call " + std::to_string(k + 1) + " of " + std::to_string(calls) + ", trial " +
                                std::to_string(trial) + (reported ? ", reported" : "");
      bool const is_new = holds(lost, second), is_old = !is_new && holds(lost, first);
      EXPECT_TRUE(is_new || is_old) << where << ": neither the old step nor the new one";
      EXPECT_TRUE(is_new || !reported) << where << ": a step that was reported saved is lost";
      bool goes_on = true;
      if (tried % 8 == 0) {
        save(lost, 3);
        goes_on = holds(lost, third);
        EXPECT_TRUE(goes_on) << where << ": cannot go on";
      }
      ++tried;
      good += (is_new || (is_old && !reported)) && goes_on ? 1 : 0;
      of_the_old += is_old ? 1 : 0;
    }
  }
  std::printf("seed %llu: %zu of %zu states load the old step (%zu) or the new one; %zu calls\n",
              static_cast<unsigned long long>(seed), good, tried, of_the_old, calls);
  EXPECT_EQ(good, tried);
  EXPECT_GT(of_the_old, 0U);
  EXPECT_TRUE(reported);
}

}  // namespace
}  // namespace bsft
