#include "trainer/comm/shared_slots.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>
#include <new>
#include <random>
#include <sstream>
#include <thread>

#include "data/base/error.hpp"
#include "data/base/host.hpp"

namespace bsft {

struct SharedSlots::Door {
  std::uint64_t mark;  // no other memory has it
  std::atomic<std::uint32_t> here, round;
};

namespace {

constexpr std::int64_t page = 4096;
constexpr int looks = 200;  // before a rank sleeps: others need its core where there are fewer cores than ranks

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);
std::uint32_t* word(std::atomic<std::uint32_t>& value) { return reinterpret_cast<std::uint32_t*>(&value); }

std::size_t size_of(int size, std::int64_t bytes) { return static_cast<std::size_t>(page + size * bytes); }

void* map(int file, std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// Who made the memory, and where another process of this host finds it.
struct Maker {
  std::string host, name;
  int pid = 0, file = -1;
  std::uint64_t mark = 0;
};

std::string to_line(Maker const& maker) {
  std::ostringstream line;
  line << maker.host << ' ' << maker.name << ' ' << maker.pid << ' ' << maker.file << ' ' << maker.mark;
  return line.str();
}

Maker maker_from(std::string const& line) {
  Maker maker;
  std::istringstream(line) >> maker.host >> maker.name >> maker.pid >> maker.file >> maker.mark;
  return maker;
}

int open_of(Maker const& maker, std::size_t bytes) {
  Host const here = this_host();
  if (maker.file < 0 || maker.host != here.id || maker.name != here.name) return -1;
  std::string const path = "/proc/" + std::to_string(maker.pid) + "/fd/" + std::to_string(maker.file);
  int const file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat found {};
  if (file >= 0 && ::fstat(file, &found) == 0 && found.st_size == static_cast<off_t>(bytes)) return file;
  if (file >= 0) ::close(file);
  return -1;
}

}  // namespace

SharedSlots::SharedSlots(void* memory, int size, std::int64_t bytes)
    : door_(static_cast<Door*>(memory)), slots_(static_cast<char*>(memory) + page), size_(size), bytes_(bytes) {}

SharedSlots::~SharedSlots() { ::munmap(static_cast<void*>(door_), size_of(size_, bytes_)); }

std::unique_ptr<SharedSlots> SharedSlots::open(int rank, int size, std::int64_t bytes, Exchange const& exchange) {
  std::size_t const whole = size_of(size, bytes);
  Maker maker;
  int file = -1;
  void* memory = nullptr;
  if (rank == 0) {
    file = ::memfd_create("bsft", MFD_CLOEXEC);
    if (file >= 0 && ::ftruncate(file, static_cast<off_t>(whole)) == 0) memory = map(file, whole);
    if (memory != nullptr) {
      std::random_device random;
      Host const here = this_host();
      maker = {here.id, here.name, ::getpid(), file, (std::uint64_t{random()} << 32) | random()};
      new (memory) Door{maker.mark, 0, 0};
    }
  }
  maker = maker_from(exchange(to_line(maker)).front());
  if (rank != 0) {
    file = open_of(maker, whole);
    if (file >= 0) memory = map(file, whole);
    if (memory != nullptr && static_cast<Door*>(memory)->mark != maker.mark) {
      ::munmap(memory, whole);
      memory = nullptr;
    }
  }
  std::vector<std::string> const seen = exchange(memory != nullptr ? "seen" : "");
  if (file >= 0) ::close(file);
  if (std::all_of(seen.begin(), seen.end(), [](std::string const& word) { return word == "seen"; }))
    return std::unique_ptr<SharedSlots>(new SharedSlots(memory, size, bytes));
  if (memory != nullptr) ::munmap(memory, whole);
  return nullptr;
}

void SharedSlots::meet(std::atomic<bool> const& stopped) const {
  std::uint32_t const round = door_->round.load(std::memory_order_acquire);
  if (door_->here.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(size_)) {
    door_->here.store(0, std::memory_order_relaxed);
    door_->round.fetch_add(1, std::memory_order_acq_rel);
    ::syscall(SYS_futex, word(door_->round), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    return;
  }
  for (int look = 0; door_->round.load(std::memory_order_acquire) == round; ++look) {
    if (stopped) throw Failed(Exit::peer_lost, "this rank's part in its group", "it has left", "");
    if (look < looks) {
      std::this_thread::yield();
      continue;
    }
    timespec const a_while{0, 100'000'000};
    ::syscall(SYS_futex, word(door_->round), FUTEX_WAIT, round, &a_while, nullptr, 0);
  }
}

}  // namespace bsft
