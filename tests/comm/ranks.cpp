#include "tests/comm/ranks.hpp"

#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "trainer/comm/job.hpp"
#include "trainer/comm/mpi.hpp"
#include "trainer/comm/threads.hpp"
#if defined(BSFT_HAS_NCCL)
#include "tests/comm/nccl_stand_in.hpp"
#include "trainer/comm/nccl_link.hpp"
#endif

namespace bsft::testing {
namespace {

using Body = std::function<void(Communicator&)>;
using Maker = std::function<std::unique_ptr<Communicator>(int rank)>;

void on_threads(int count, Maker const& make, Body const& body) {
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> threads;
  for (int r = 0; r < count; ++r) {
    threads.emplace_back([&, r] {
      try {
        auto const group = make(r);
        body(*group);
        group->barrier();  // nobody leaves while another is still in a verb
      } catch (...) {
        std::lock_guard const lock(mutex);
        if (!first) first = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

Ranks threads(int count) {
  return {count, [count](Reduction reduction, std::int64_t segment, Body const& body) {
            auto groups = threads_communicators(count, reduction, segment);
            on_threads(
                count, [&](int r) { return std::move(groups[static_cast<std::size_t>(r)]); }, body);
          }};
}

#if defined(BSFT_HAS_NCCL)
Ranks nccl(int count) {
  return {count, [count](Reduction reduction, std::int64_t segment, Body const& body) {
            static int groups = 0;
            ncclUniqueId const id = stand_in::id(++groups);
            on_threads(
                count,
                [&](int r) {
                  return collectives(nccl_link(id, r, count, nullptr), reduction, Progress::in_the_caller, segment);
                },
                body);
          }};
}
#endif

}  // namespace

Job& mpi_job() {
  static std::unique_ptr<Job> const one = Job::over_mpi();
  return *one;
}

std::vector<std::string> backends() {
  if (std::getenv("OMPI_COMM_WORLD_SIZE")) return {"mpi"};
#if defined(BSFT_HAS_NCCL)
  return {"self", "threads", "nccl_stand_in"};
#else
  return {"self", "threads"};
#endif
}

std::vector<Ranks> groups_of(std::string const& backend) {
  if (backend == "self") return {{1, [](Reduction, std::int64_t, Body const& body) { body(*self_communicator()); }}};
  std::vector<Ranks> all;
  if (backend == "mpi") {
    for (Neighbours const neighbours : {Neighbours::share_memory, Neighbours::send_messages}) {
      all.push_back({mpi_job().size(), [neighbours](Reduction reduction, std::int64_t segment, Body const& body) {
                       auto const group = mpi_communicator(MPI_COMM_WORLD, reduction, segment, nullptr, neighbours);
                       body(*group);
                       group->barrier();
                     }});
    }
    return all;
  }
  for (int const count : {1, 2, 3, 4, 8}) {
#if defined(BSFT_HAS_NCCL)
    if (backend == "nccl_stand_in") {
      all.push_back(nccl(count));
      continue;
    }
#endif
    all.push_back(threads(count));
  }
  return all;
}

}  // namespace bsft::testing
