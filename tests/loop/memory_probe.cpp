// Trains a decoder of 8 M parameters for a few steps under mpirun and prints, for each rank, what its state takes and
// what model_memory says, in bytes: weights gradient moments, the same by the formula, passing, accumulating, peak of
// the process.
//   memory_probe lanes steps zero tokens_a_pass
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "tests/loop/tiny.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/loop/memory.hpp"

int main(int, char** argv) {
  using namespace bsft;
  std::int64_t const lanes = std::atoll(argv[1]), steps = std::atoll(argv[2]);
  auto const sharded = static_cast<Sharded>(std::atoi(argv[3]));
  auto const job = Job::over_mpi();
  auto const trainers = job->split(0, Reduction::exact);
  int const rank = trainers->rank(), size = trainers->size();
  testing::Tiny const tiny(60, 1, 24);
  Shape shape = testing::tiny_shape();
  shape.vocabulary = 8192, shape.width = 256, shape.layers = 8, shape.head_width = 64, shape.feed_forward = 688;
  Decoder model(shape, {0, 1}, "none");
  Buckets const buckets = testing::buckets_of(model);
  initialise_random(model, 9, [&](Parameter const& p) {
    if (sharded == Sharded::weights)
      give_back_others(model.weight_pages(), buckets, {p.offset, p.offset + p.value.numel()}, rank, size);
  });
  Config config;
  Optimizer optimizer(model, config.optimizer,
                      sharded >= Sharded::moments ? std::optional(parts_of(buckets, rank, size)) : std::nullopt);
  TrainState state{model, optimizer, 0, 0};
  LaneRange const mine = lanes_of(rank, size, lanes, Reduction::exact);
  train(state, config, {steps, 0, buckets, sharded}, tiny.data(mine, lanes, std::atoll(argv[4])),
        {*trainers, *trainers}, {});

  ModelMemory const memory = model_memory(model, buckets, rank, size, mine.end - mine.begin, sharded);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::ostringstream line;
  line << model.weight_pages().resident_bytes() << ' ' << model.gradient_pages().resident_bytes() << ' '
       << optimizer.moments().first.nbytes() + optimizer.moments().second.nbytes() << ' ' << memory.weights << ' '
       << memory.gradient << ' ' << memory.moments << ' ' << memory.passing << ' ' << memory.accumulating << ' '
       << usage.ru_maxrss * 1024;
  for (std::string const& text : trainers->exchange(line.str())) {
    if (rank == 0) std::printf("%s\n", text.c_str());
  }
  return 0;
}
