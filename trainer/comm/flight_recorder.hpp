// What a rank does, and the collectives it carried out last: readable by others, also after it has died.
//
//   who        pid, host, rank, role;  the run's folder and steps
//   what       activity and step; `progress` moves with every change
//   how long   seconds of the last 31 steps
//   ring       the last 64 collectives: communicator, sequence (from 1, of its communicator), verb, bytes, step, state
// bytes are the whole tensor's, 0 for an exchange, whose lengths may differ by rank.  A collective is noted where it is
// carried out, not where it is called: ranks are within one or two of each other.  Over NCCL "done" means handed to the
// stream.  One that threw stays "started".
// Lies in memory shared with processes forked after its construction: a parent reads what its child last did.  What was
// being written when the child died may be half there.
// Threads: any, of one process; one process writes.
// Source: PyTorch's flight recorder (ring, sequence, state); tests/comm/flight_recorder_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

namespace bsft {

enum class Role : std::uint8_t { unknown, trainer, evaluator };
// evaluation: waits for a checkpoint to be scored.  ending: will not take part in anything more.
enum class Activity : std::uint8_t { starting, data, forward, backward, reduce, optimizer, save, evaluation, ending };
enum class Verb : std::uint8_t { all_reduce, reduce_scatter, all_gather, all_to_all, broadcast, exchange, split };
char const* name_of(Activity activity);
char const* name_of(Verb verb);

struct CollectiveNote {
  std::int64_t sequence = 0, bytes = 0, step = 0;
  std::int32_t communicator = 0;
  Verb verb = Verb::all_reduce;
  bool done = false;
};

// Of fixed size, to be sent as it is.
struct Snapshot {
  static constexpr std::size_t most = 16;
  std::int64_t pid = 0, progress = 0, step = 0;
  std::int64_t carried_out = 0;    // collectives begun, of all communicators
  double median_step_seconds = 0;  // 0: no step is done
  std::int32_t rank = 0;
  Role role = Role::unknown;
  Activity activity = Activity::starting;
  std::array<char, 64> host{};
  std::array<CollectiveNote, most> last{};  // newest first; sequence 0: none

  bool in_collective() const { return last[0].sequence > 0 && !last[0].done; }
};
static_assert(std::is_trivially_copyable_v<Snapshot> && sizeof(Snapshot) < 1024);  // MPI sends it at once

// "trainer rank 2 on node7 (pid 4711)"
std::string who(Snapshot const& rank);
// "backward of step 14; last collective #212 reduce_scatter of 26214400 bytes, done"
std::string doing(Snapshot const& rank);
// "#212 reduce_scatter of 26214400 bytes"
std::string text_of(CollectiveNote const& note);

class FlightRecorder {
 public:
  static constexpr std::size_t ring_size = 64, steps_kept = 31;

  FlightRecorder();
  ~FlightRecorder();
  FlightRecorder(FlightRecorder const&) = delete;
  FlightRecorder& operator=(FlightRecorder const&) = delete;

  // This process, on this host.
  void is(int rank, Role role);
  void runs_in(std::filesystem::path const& folder, std::int64_t total_steps);
  void does(Activity activity);
  void does(Activity activity, std::int64_t step);
  void step_done(double seconds);

  // Numbers communicators from 0, in the order in which they are made: the same on all ranks.
  int add_communicator();
  // Notes the verb, and that it is done when f returns.
  template <class F>
  void carry_out(int communicator, Verb verb, std::int64_t bytes, F f) {
    std::int64_t const place = begin(communicator, verb, bytes);
    f();
    end(place);
  }

  Snapshot snapshot() const;
  std::vector<CollectiveNote> ring() const;  // oldest first
  std::filesystem::path folder() const;      // empty: not claimed yet
  std::int64_t total_steps() const;

 private:
  struct Shared;
  std::int64_t begin(int communicator, Verb verb, std::int64_t bytes);
  void end(std::int64_t place);

  mutable std::mutex mutex_;
  Shared* shared_;
};

}  // namespace bsft
