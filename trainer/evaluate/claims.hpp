// Hold pieces of work that several processes, also of other hosts, could take from a folder.
//
//   FOLDER/NAME.claim-3   {"place", "pid", "began"}; the highest number holds NAME
// take() makes the next number by link(2), or O_EXCL where there are no links, which one of several gets, where the
// last holder is not alive: its process has ended (looked for where it ran in this very place: host and process
// namespace), or its claim has not been touched for so long, by this process's own clock, as a stopped process or a
// lost host.  Held claims are touched once a second by a thread, until they are dropped.  Who comes back after its
// claim was taken does what was done: so work is done twice at worst, and who adds its outcome must not mind
// (evaluation_folder.hpp). Errors: Failed(io) of take; dropping fails silently. Threads: one caller; on_beat is called
// by the thread.  tests/evaluate/evaluation_worker_test.cpp.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace bsft {

class Claims {
 public:
  // stale [s]: as above; elsewhere at least a minute and a half, which is what NFS may keep from others.
  Claims(std::filesystem::path folder, double stale, std::function<void()> on_beat = {});
  ~Claims();
  Claims(Claims const&) = delete;
  Claims& operator=(Claims const&) = delete;

  // True: this object holds it, also from before.
  bool take(std::string const& name);
  void drop(std::string const& name);
  // By anybody alive, this process, too.
  bool is_held(std::string const& name);
  // Since the last holder touched its claim, by the clocks of this host and of the files: to be shown, not to be acted
  // on.  0 where there is none.
  double seconds_untouched(std::string const& name) const;
  // Whether a claim whose name begins so is held.
  bool any_held(std::string const& beginning);

 private:
  struct Seen {
    std::int64_t seconds = 0, nanoseconds = 0;  // of the last touch
    double since = 0;                           // by our clock
  };
  std::map<std::string, int> newest() const;
  std::filesystem::path file_of(std::string const& name, int number) const;
  bool is_alive(std::filesystem::path const& file);
  void beat();

  std::filesystem::path folder_;
  double stale_;
  std::function<void()> on_beat_;
  std::map<std::string, Seen> seen_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> held_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace bsft
