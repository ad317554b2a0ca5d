// The exact all_reduce beside the MPI library's own, in turn in one run under mpirun; rank 0 prints a JSON line.
//   mpirun -np N bench_reduction [FLOATS] [ROUNDS]
// Seconds are medians over the rounds of the slowest rank; ratio is exact over fast: the price of bits that do not
// depend on the number of ranks.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "trainer/comm/job.hpp"
#include "trainer/comm/mpi.hpp"

int main(int count, char** arguments) {
  using namespace bsft;
  std::int64_t const floats = count > 1 ? std::atoll(arguments[1]) : 8'000'000;
  int const rounds = count > 2 ? std::atoi(arguments[2]) : 15;
  auto const job = Job::over_mpi();
  auto const exact = mpi_communicator(MPI_COMM_WORLD, Reduction::exact,
                                      count > 3 ? std::atoll(arguments[3]) : reduction_segment_bytes),
             fast = mpi_communicator(MPI_COMM_WORLD, Reduction::fast);
  at::Tensor const x = at::ones({floats}, at::kFloat);
  std::vector<double> seconds[2];
  for (int round = -1; round < rounds; ++round) {  // the first is to warm up
    for (int which = 0; which < 2; ++which) {
      job->everyone().barrier();
      auto const start = std::chrono::steady_clock::now();
      (which == 0 ? exact : fast)->all_reduce(x).wait();
      double const mine = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      double slowest = 0;
      for (std::string const& theirs : job->everyone().exchange(std::to_string(mine)))
        slowest = std::max(slowest, std::stod(theirs));
      if (round >= 0) seconds[which].push_back(slowest);
      x.fill_(1);
    }
  }
  for (auto& times : seconds) std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  double const ours = seconds[0][seconds[0].size() / 2], theirs = seconds[1][seconds[1].size() / 2];
  if (job->rank() == 0)
    std::printf(
        "{\"bench\": \"exact all_reduce\", \"ranks\": %d, \"floats\": %lld, \"rounds\": %d, \"exact\": %.4f, "
        "\"fast\": %.4f, \"ratio\": %.3f, \"unit\": \"s\"}\n",
        job->size(), static_cast<long long>(floats), rounds, ours, theirs, ours / theirs);
  return 0;
}
