#include "trainer/comm/flight_recorder.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "data/base/error.hpp"
#include "data/base/host.hpp"

namespace bsft {

struct FlightRecorder::Shared {
  static constexpr std::size_t most_communicators = 16;  // later ones share the last number
  std::int64_t pid = 0, progress = 0, step = 0, total_steps = 0, carried_out = 0, steps = 0;
  std::int32_t rank = 0, communicators = 0;
  Role role = Role::unknown;
  Activity activity = Activity::starting;
  std::array<char, 64> host{};
  std::array<char, 4096> folder{};
  std::array<double, steps_kept> step_seconds{};
  std::array<std::int64_t, most_communicators> sequences{};
  std::array<CollectiveNote, ring_size> ring{};
};

namespace {

double median(std::array<double, FlightRecorder::steps_kept> values, std::int64_t count) {
  if (count == 0) return 0;
  auto const n = std::min<std::int64_t>(count, static_cast<std::int64_t>(values.size()));
  auto* const middle = values.data() + n / 2;
  std::nth_element(values.data(), middle, values.data() + n);
  return *middle;
}

}  // namespace

char const* name_of(Activity activity) {
  static constexpr char const* names[] = {"starting",  "data", "forward",    "backward", "reduce",
                                          "optimizer", "save", "evaluation", "ending"};
  return names[static_cast<std::size_t>(activity)];
}

char const* name_of(Verb verb) {
  static constexpr char const* names[] = {"all_reduce", "reduce_scatter", "all_gather", "all_to_all",
                                          "broadcast",  "exchange",       "split"};
  return names[static_cast<std::size_t>(verb)];
}

std::string who(Snapshot const& rank) {
  std::string const role = rank.role == Role::evaluator ? "evaluator rank "
                           : rank.role == Role::trainer ? "trainer rank "
                                                        : "rank ";
  return role + std::to_string(rank.rank) + " on " + rank.host.data() + " (pid " + std::to_string(rank.pid) + ")";
}

std::string text_of(CollectiveNote const& note) {
  std::string text("#");
  text.append(std::to_string(note.sequence)).append(" ").append(name_of(note.verb));
  if (note.verb != Verb::exchange) text.append(" of ").append(std::to_string(note.bytes)).append(" bytes");
  return text;
}

std::string doing(Snapshot const& rank) {
  std::string text = name_of(rank.activity);
  if (rank.step > 0) text += " of step " + std::to_string(rank.step);
  if (rank.last[0].sequence == 0) return text + "; no collective yet";
  return text + "; last collective " + text_of(rank.last[0]) + (rank.last[0].done ? ", done" : ", under way");
}

FlightRecorder::FlightRecorder() {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Failed(Exit::unavailable, "memory for the flight recorder", std::strerror(errno));
  shared_ = new (memory) Shared;
}

FlightRecorder::~FlightRecorder() { ::munmap(shared_, sizeof(Shared)); }

void FlightRecorder::is(int rank, Role role) {
  std::lock_guard const lock(mutex_);
  shared_->pid = ::getpid();
  shared_->rank = rank;
  shared_->role = role;
  std::string const host = this_host().name;
  host.copy(shared_->host.data(), shared_->host.size() - 1);
}

void FlightRecorder::runs_in(std::filesystem::path const& folder, std::int64_t total_steps) {
  std::lock_guard const lock(mutex_);
  std::string const text = std::filesystem::absolute(folder).string();
  if (text.size() < shared_->folder.size()) std::copy(text.begin(), text.end(), shared_->folder.begin());
  shared_->total_steps = total_steps;
}

void FlightRecorder::does(Activity activity) {
  std::lock_guard const lock(mutex_);
  shared_->activity = activity;
  ++shared_->progress;
}

void FlightRecorder::does(Activity activity, std::int64_t step) {
  std::lock_guard const lock(mutex_);
  shared_->activity = activity;
  shared_->step = step;
  ++shared_->progress;
}

void FlightRecorder::step_done(double seconds) {
  std::lock_guard const lock(mutex_);
  shared_->step_seconds[static_cast<std::size_t>(shared_->steps++) % steps_kept] = seconds;
  ++shared_->progress;
}

int FlightRecorder::add_communicator() {
  std::lock_guard const lock(mutex_);
  return std::min(shared_->communicators++, static_cast<std::int32_t>(Shared::most_communicators) - 1);
}

std::int64_t FlightRecorder::begin(int communicator, Verb verb, std::int64_t bytes) {
  std::lock_guard const lock(mutex_);
  std::int64_t const place = shared_->carried_out;
  shared_->ring[static_cast<std::size_t>(place) % ring_size] = {
      ++shared_->sequences[static_cast<std::size_t>(communicator)], bytes, shared_->step, communicator, verb, false};
  ++shared_->carried_out;
  ++shared_->progress;
  return place;
}

void FlightRecorder::end(std::int64_t place) {
  std::lock_guard const lock(mutex_);
  if (shared_->carried_out - place <= static_cast<std::int64_t>(ring_size))
    shared_->ring[static_cast<std::size_t>(place) % ring_size].done = true;
  ++shared_->progress;
}

Snapshot FlightRecorder::snapshot() const {
  std::lock_guard const lock(mutex_);
  Snapshot now;
  now.pid = shared_->pid;
  now.progress = shared_->progress;
  now.step = shared_->step;
  now.carried_out = shared_->carried_out;
  now.median_step_seconds = median(shared_->step_seconds, shared_->steps);
  now.rank = shared_->rank;
  now.role = shared_->role;
  now.activity = shared_->activity;
  now.host = shared_->host;
  auto const count = std::min<std::int64_t>(shared_->carried_out, static_cast<std::int64_t>(Snapshot::most));
  for (std::int64_t i = 0; i < count; ++i)
    now.last[static_cast<std::size_t>(i)] =
        shared_->ring[static_cast<std::size_t>(shared_->carried_out - 1 - i) % ring_size];
  return now;
}

std::vector<CollectiveNote> FlightRecorder::ring() const {
  std::lock_guard const lock(mutex_);
  std::vector<CollectiveNote> notes;
  auto const count = std::min<std::int64_t>(shared_->carried_out, static_cast<std::int64_t>(ring_size));
  for (std::int64_t i = shared_->carried_out - count; i < shared_->carried_out; ++i)
    notes.push_back(shared_->ring[static_cast<std::size_t>(i) % ring_size]);
  return notes;
}

std::filesystem::path FlightRecorder::folder() const {
  std::lock_guard const lock(mutex_);
  return std::string(shared_->folder.data());
}

std::int64_t FlightRecorder::total_steps() const {
  std::lock_guard const lock(mutex_);
  return shared_->total_steps;
}

}  // namespace bsft
