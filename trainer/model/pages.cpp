#include "trainer/model/pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "data/base/error.hpp"

namespace bsft {
namespace {

std::size_t page_size() {
  static auto const size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

Pages::Pages(std::int64_t n, at::Device device) {
  if (!device.is_cpu() || n == 0) {
    tensor_ = at::zeros({n}, at::TensorOptions(at::kFloat).device(device));
    return;
  }
  auto const bytes = static_cast<std::size_t>(n) * sizeof(float);
  void* const begin = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) {
    throw Failed(Exit::unavailable, "no memory for " + std::to_string(bytes >> 20) + " MiB", std::strerror(errno),
                 "use a smaller model, or more ranks with parallel.zero: 3");
  }
  memory_ = std::shared_ptr<void>(begin, [bytes](void* memory) { ::munmap(memory, bytes); });
  tensor_ = at::from_blob(
      begin, {n}, [memory = memory_](void*) {}, at::kFloat);
}

at::Tensor Pages::alias() const {
  if (!memory_) return tensor_;
  return at::from_blob(
      memory_.get(), tensor_.sizes(), [memory = memory_](void*) {}, at::kFloat);
}

void Pages::give_back(std::int64_t begin, std::int64_t end) const {
  if (begin >= end) return;
  if (!memory_) throw Unavailable("memory of a device", "it cannot be given back in parts yet", "use parallel.zero: 1");
  std::size_t const page = page_size(), all = static_cast<std::size_t>(tensor_.nbytes());
  std::size_t const first = (static_cast<std::size_t>(begin) * sizeof(float) + page - 1) / page * page;
  std::size_t last = static_cast<std::size_t>(end) * sizeof(float);
  last = last == all ? (all + page - 1) / page * page : last / page * page;
  if (first >= last) return;
  auto* const at = static_cast<char*>(memory_.get()) + first;
  if (!std::exchange(small_pages_, true))  // a huge page would come back whole at the first touch of its neighbours
    ::madvise(memory_.get(), all, MADV_NOHUGEPAGE);
  ensure(::madvise(at, last - first, MADV_DONTNEED) == 0, "memory can be given back");
}

std::int64_t Pages::resident_bytes() const {
  if (!memory_) return static_cast<std::int64_t>(tensor_.nbytes());
  std::size_t const pages = (tensor_.nbytes() + page_size() - 1) / page_size();
  std::vector<unsigned char> here(pages);
  ensure(::mincore(memory_.get(), tensor_.nbytes(), here.data()) == 0, "mincore knows the buffer");
  auto const count = std::count_if(here.begin(), here.end(), [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<std::int64_t>(count) * static_cast<std::int64_t>(page_size());
}

}  // namespace bsft
