#include "kernels/team/emulator.hpp"

#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <numeric>
#include <random>
#include <set>
#include <span>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace bsft::kernel {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;
constexpr std::uintptr_t sector = 32;
enum State { ready, at_barrier, at_shuffle, done };

bool same(Site a, Site b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

std::string text(Site where) {
  char const* const slash = std::strstr(where.file, "kernels/");
  return std::string(slash ? slash : where.file) + ":" + std::to_string(where.line);
}

// Stacks are used again: their pages cost more than the tests.
std::vector<std::unique_ptr<char[]>>& stacks() {
  static std::vector<std::unique_ptr<char[]>> pool;
  return pool;
}

std::unique_ptr<char[]> new_stack() {
  if (stacks().empty()) return std::unique_ptr<char[]>(new char[stack_bytes]);
  auto stack = std::move(stacks().back());
  stacks().pop_back();
  return stack;
}

}  // namespace

struct Emulator::Main {
  ucontext_t context;
  void* fake_stack = nullptr;
};

struct Emulator::Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack = new_stack();
  int state = ready;
  Site where{"", 0};
  std::exception_ptr error;
  alignas(16) char mine[32], published[32];
  std::vector<std::uint32_t> times;  // of each kind of access
  void* fake_stack = nullptr;
  ~Fiber() { stacks().push_back(std::move(stack)); }
};

Emulator::Emulator(int threads, std::uint64_t seed) : threads_(threads), seed_(seed), main_(new Main) {
  if (threads < 1 || threads > 1024 || (threads > warp && threads % warp != 0))
    throw std::invalid_argument("a block has 1 to 32 threads, or a multiple of 32 up to 1024");
  for (int r = 0; r < threads; ++r) fibers_.push_back(std::make_unique<Fiber>());
}

Emulator::~Emulator() = default;

void Emulator::give(std::string const& name, std::uintptr_t begin, std::size_t bytes, Use use, bool shared) {
  buffers_.push_back({name, begin, begin + bytes, use, shared, std::vector<Cell>(bytes)});
}

void Emulator::run(std::int64_t blocks, std::byte* shared, std::size_t shared_bytes,
                   std::function<void(int, std::int64_t)> const& body) {
  for (block_ = 0; block_ < blocks; ++block_) {
    std::memset(shared, 0xFF, shared_bytes);
    give("shared memory", reinterpret_cast<std::uintptr_t>(shared), shared_bytes, Use::output, true);
    run_block(body);
    buffers_.pop_back();
    count();
  }
}

// What makes ASan follow a change of stacks.
#if defined(__SANITIZE_ADDRESS__)
#define BSFT_LEAVE(save, stack, size) __sanitizer_start_switch_fiber(save, stack, size)
#define BSFT_ARRIVE(save) __sanitizer_finish_switch_fiber(save, nullptr, nullptr)
#else
#define BSFT_LEAVE(save, stack, size) static_cast<void>(0)
#define BSFT_ARRIVE(save) static_cast<void>(0)
#endif

void Emulator::run_block(std::function<void(int, std::int64_t)> const& body) {
  body_ = &body;
  epoch_ = 0;
  auto const self = reinterpret_cast<std::uintptr_t>(this);
  for (int r = 0; r < threads_; ++r) {
    Fiber& fiber = *fibers_[r];
    fiber.state = ready;
    fiber.error = nullptr;
    fiber.times.clear();
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = &main_->context;
    makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Emulator::entry), 3, unsigned(self), unsigned(self >> 32),
                unsigned(r));
  }
  std::vector<int> order((threads_ + warp - 1) / warp);
  std::iota(order.begin(), order.end(), 0);
  if (seed_ == 1) std::reverse(order.begin(), order.end());
  if (seed_ > 1) {
    std::mt19937_64 random(seed_ + std::uint64_t(block_));
    std::shuffle(order.begin(), order.end(), random);
  }
  for (;;) {
    int next = -1;
    for (int w : order) {
      for (int r = w * warp; r < std::min((w + 1) * warp, threads_) && next < 0; ++r)
        if (fibers_[r]->state == ready) next = r;
      if (next >= 0) break;
    }
    if (next < 0) {
      if (std::all_of(fibers_.begin(), fibers_.end(), [](auto const& f) { return f->state == done; })) return;
      if (release_barrier()) continue;
      diverged();
    }
    Fiber& fiber = *fibers_[next];
    current_ = next;
    BSFT_LEAVE(&main_->fake_stack, fiber.stack.get(), stack_bytes);
    swapcontext(&main_->context, &fiber.context);
    BSFT_ARRIVE(main_->fake_stack);
    if (fiber.error) std::rethrow_exception(fiber.error);
    if (fiber.state == at_shuffle) release_warp(next / warp);
  }
}

void Emulator::entry(unsigned low, unsigned high, unsigned rank) {
  BSFT_ARRIVE(nullptr);
  auto* const self = reinterpret_cast<Emulator*>(std::uintptr_t(low) | std::uintptr_t(high) << 32);
  Fiber& fiber = *self->fibers_[rank];
  try {
    (*self->body_)(int(rank), self->block_);
  } catch (...) {
    fiber.error = std::current_exception();
  }
  fiber.state = done;
  BSFT_LEAVE(nullptr, nullptr, 0);
}

void Emulator::park(int state, Site where) {
  Fiber& fiber = *fibers_[current_];
  fiber.state = state;
  fiber.where = where;
  BSFT_LEAVE(&fiber.fake_stack, nullptr, 0);
  swapcontext(&fiber.context, &main_->context);
  BSFT_ARRIVE(fiber.fake_stack);
}

void Emulator::sync(Site where) { park(at_barrier, where); }

void Emulator::exchange(void* value, std::size_t bytes, int mask, Site where) {
  Fiber& me = *fibers_[current_];
  if (bytes > sizeof me.mine) accuse(where, "a shuffle of more than 32 bytes");
  int const self = current_, from = self / warp * warp + ((self % warp) ^ mask);
  if (from >= threads_) accuse(where, "a shuffle reads lane " + std::to_string(from) + ", outside the block");
  std::memcpy(me.mine, value, bytes);
  park(at_shuffle, where);
  std::memcpy(value, fibers_[from]->published, bytes);
}

bool Emulator::release_barrier() {
  for (auto const& fiber : fibers_)
    if (fiber->state != at_barrier || !same(fiber->where, fibers_[0]->where)) return false;
  for (auto const& fiber : fibers_) fiber->state = ready;
  ++epoch_, ++counts_.barriers;
  return true;
}

void Emulator::release_warp(int w) {
  int const low = w * warp, high = std::min(low + warp, threads_);
  for (int r = low; r < high; ++r)
    if (fibers_[r]->state != at_shuffle || !same(fibers_[r]->where, fibers_[low]->where)) return;
  for (int r = low; r < high; ++r) {
    std::memcpy(fibers_[r]->published, fibers_[r]->mine, sizeof fibers_[r]->mine);
    fibers_[r]->state = ready;
  }
}

void Emulator::diverged() const {
  std::string what = "block " + std::to_string(block_) + " diverged:";
  for (int r = 0; r < threads_; ++r) {
    Fiber const& fiber = *fibers_[r];
    if (r > 0 && fiber.state == fibers_[r - 1]->state && same(fiber.where, fibers_[r - 1]->where)) continue;
    what += " from thread " + std::to_string(r) + " " +
            (fiber.state == done ? "returned"
                                 : (fiber.state == at_barrier ? "sync() at " : "shuffle at ") + text(fiber.where)) +
            ";";
  }
  what.pop_back();
  throw Accusation(what);
}

void Emulator::accuse(Site where, std::string const& what) const {
  throw Accusation(text(where) + ": " + what + " (block " + std::to_string(block_) + ", thread " +
                   std::to_string(current_) + ")");
}

void Emulator::touch(void const* p, std::size_t bytes, bool write, Site where, std::size_t multiple) {
  auto const address = reinterpret_cast<std::uintptr_t>(p);
  if (address % multiple != 0) accuse(where, "a pack of " + std::to_string(bytes) + " bytes at an odd address");
  auto const buffer = std::find_if(buffers_.begin(), buffers_.end(),
                                   [&](Buffer const& b) { return address >= b.begin && address + bytes <= b.end; });
  if (buffer == buffers_.end()) {
    auto const near = std::find_if(buffers_.begin(), buffers_.end(), [&](Buffer const& b) {
      return address + 4096 >= b.begin && address < b.end + 4096;
    });
    accuse(where,
           std::string(write ? "writes " : "reads ") + std::to_string(bytes) + " bytes outside what was given" +
               (near == buffers_.end() ? ""
                                       : ", at byte " + std::to_string(std::int64_t(address - near->begin)) + " of " +
                                             near->name + " of " + std::to_string(near->end - near->begin)));
  }
  check(*buffer, address, bytes, write, where);
  auto const what = kind(where, write, bytes);
  auto& times = fibers_[current_]->times;
  if (times.size() <= what) times.resize(what + 1);
  Request& request = requests_[(what << 6 | std::uint64_t(current_ / warp)) << 32 | times[what]++];
  request.write = write;
  request.shared = buffer->shared;
  request.lane[request.lanes++] = {address, bytes};
}

std::uint64_t Emulator::kind(Site where, bool write, std::size_t bytes) {
  for (std::uint64_t k = 0; k < kinds_.size(); ++k)
    if (kinds_[k].where.line == where.line && kinds_[k].where.file == where.file && kinds_[k].write == write &&
        kinds_[k].bytes == bytes)
      return k;
  kinds_.push_back({where, write, bytes});
  return kinds_.size() - 1;
}

void Emulator::check(Buffer& buffer, std::uintptr_t address, std::size_t bytes, bool write, Site where) {
  if (write && buffer.use == Use::input) accuse(where, "writes the input " + buffer.name);
  for (std::size_t i = 0; i < bytes; ++i) {
    Cell& c = buffer.cells[address - buffer.begin + i];
    bool const written_here = c.write_block == block_, other_writer = c.writer != current_;
    auto const race = [&](char const* with) {
      accuse(where, std::string(write ? "writes " : "reads ") + "byte " + std::to_string(address - buffer.begin + i) +
                        " of " + buffer.name + " in a race with " + with);
    };
    if (!write && buffer.use == Use::output && c.write_block < 0)
      accuse(where, "reads byte " + std::to_string(address - buffer.begin + i) + " of " + buffer.name +
                        ", which nobody wrote");
    if (c.write_block >= 0 && !written_here) race("another block that wrote it");
    if (written_here && other_writer && c.write_epoch == epoch_)
      race(("thread " + std::to_string(c.writer) + " that wrote it").c_str());
    if (write) {
      if (c.read_block != -1 && c.read_block != block_) race("another block that read it");
      if (c.read_block == block_ && c.read_epoch == epoch_ && c.reader != current_) race("another thread that read it");
      c.write_block = block_, c.writer = current_, c.write_epoch = epoch_;
    } else {
      constexpr std::int32_t many = -2;
      bool const together = c.read_block == block_ && c.read_epoch == epoch_ && c.reader != current_;
      c.reader = together ? many : current_;
      c.read_block = c.read_block == -1 || c.read_block == block_ ? block_ : many;
      c.read_epoch = epoch_;
    }
  }
}

void Emulator::count() {
  for (auto& [key, request] : requests_) {
    std::span<Access> const lanes(request.lane, std::size_t(request.lanes));
    if (request.shared) {
      // 32 banks of 4 bytes; wide accesses go in as many parts as their words.
      std::size_t const words = std::max<std::size_t>(1, (lanes[0].bytes + 3) / 4),
                        part = std::max<std::size_t>(1, warp / words);
      for (std::size_t first = 0; first < lanes.size(); first += part) {
        std::set<std::uintptr_t> bank[warp];
        for (std::size_t l = first; l < std::min(first + part, lanes.size()); ++l)
          for (std::uintptr_t word = lanes[l].address / 4; word < (lanes[l].address + lanes[l].bytes + 3) / 4; ++word)
            bank[word % warp].insert(word);
        std::size_t most = 1;
        for (auto const& b : bank) most = std::max(most, b.size());
        counts_.bank_conflicts += std::int64_t(most - 1);
      }
      continue;
    }
    std::sort(lanes.begin(), lanes.end(), [](Access a, Access b) { return a.address < b.address; });
    Traffic& traffic = request.write ? counts_.written : counts_.read;
    std::uintptr_t upto = 0, last = 0;
    for (Access const& a : lanes) {
      std::uintptr_t const end = a.address + a.bytes;
      if (end > upto) traffic.useful += std::int64_t(end - std::max(a.address, upto));
      upto = std::max(upto, end);
      for (std::uintptr_t s = a.address / sector; s <= (end - 1) / sector; ++s) {
        if (s == last) continue;
        traffic.sectors += std::int64_t(sector);
        last = s;
        if (sectors_[request.write].insert(s).second) traffic.memory += std::int64_t(sector);
      }
    }
  }
  requests_.clear();
}

}  // namespace bsft::kernel
