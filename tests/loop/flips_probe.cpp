// Flips bits in the memory of random ranks under mpirun and looks whether check_state names them.
//   flips_probe TRIALS SEED zero            flip, check, put back; prints how many were found with the right rank
//   flips_probe trained SEED zero EVERY     flips while it trains, and prints after which step it was found, and what
//   flips_probe seconds MiB zero            of a check of so much memory, the slowest of ten
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/loop/tiny.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/comm/job.hpp"
#include "trainer/loop/state_check.hpp"

namespace bsft {
namespace {

struct Flip {
  int rank;
  at::Tensor where;
  std::int64_t at;
  int bit;
  void now(int rank_of_this) const {
    if (rank_of_this != rank) return;
    auto* const word = reinterpret_cast<std::uint32_t*>(where.data_ptr<float>()) + at;
    *word ^= std::uint32_t{1} << bit;
  }
};

struct World {
  explicit World(int zero, Shape const& shape = testing::sharded_shape())
      : sharded(static_cast<Sharded>(zero)), model(testing::Tiny::model(shape)), buckets(testing::buckets_of(*model)) {
    std::vector<Part> const parts = parts_of(buckets, trainers->rank(), trainers->size());
    optimizer.emplace(*model, config.optimizer, sharded >= Sharded::moments ? std::optional(parts) : std::nullopt);
  }
  Flip flip(std::uint64_t seed) const {
    auto const draw = [seed](std::uint64_t purpose, std::int64_t below) {
      return static_cast<std::int64_t>(mix(seed, purpose) % static_cast<std::uint64_t>(below));
    };
    std::int64_t const which = optimizer->holds_all() ? draw(1, 3) : 0;
    at::Tensor const where = which == 0   ? model->flat()
                             : which == 1 ? optimizer->moments().first
                                          : optimizer->moments().second;
    return {static_cast<int>(draw(2, trainers->size())), where, draw(3, where.numel()), static_cast<int>(draw(4, 32))};
  }
  void check(std::int64_t step) const {
    check_state({*trainers, *trainers}, *model, *optimizer, buckets, sharded, step);
  }

  std::unique_ptr<Job> job = Job::over_mpi();
  std::unique_ptr<Communicator> trainers = job->split(0, Reduction::exact);
  std::unique_ptr<Communicator> bulk = trainers->split(0);
  Config config;
  Sharded sharded;
  std::unique_ptr<Decoder> model;
  Buckets buckets;
  std::optional<Optimizer> optimizer;
};

// Whether the line blames this rank: alone, or of two ranks both.
bool blames(Told const& told, int rank, int ranks) {
  std::string const name = "trainer rank " + std::to_string(rank);
  std::string const& line = told.lines().front();
  if (told.code() != Exit::peer_lost) return false;
  return line.find(ranks > 2 ? name + " has other bits than most ranks in " : name) != std::string::npos;
}

int trials(World const& world, std::int64_t count, std::uint64_t seed) {
  int found = 0;
  for (std::int64_t trial = 0; trial < count; ++trial) {
    world.check(trial);
    Flip const flip = world.flip(mix(seed, static_cast<std::uint64_t>(trial)));
    flip.now(world.trainers->rank());
    try {
      world.check(trial);
    } catch (Told const& told) {
      found += blames(told, flip.rank, world.trainers->size()) ? 1 : 0;
    }
    flip.now(world.trainers->rank());
  }
  for (std::string const& theirs : world.trainers->exchange(std::to_string(found)))
    if (theirs != std::to_string(found)) return 1;  // ranks disagree
  if (world.trainers->rank() == 0) std::printf("%d\n", found);
  return 0;
}

int trained(World& world, std::uint64_t seed, std::int64_t every) {
  testing::Tiny const tiny(60, 3, 40);
  TrainState state{*world.model, *world.optimizer, 0, 0};
  Flip const flip = world.flip(seed);
  auto const when = static_cast<std::int64_t>(1 + mix(seed, 9) % static_cast<std::uint64_t>(2 * every));
  TrainObservers observers;
  observers.on_step = [&](StepMetrics const& m) {
    if (m.step == when) flip.now(world.trainers->rank());
  };
  TrainPlan plan{3 * every, 0, world.buckets, world.sharded};
  plan.check_every = every;
  LaneRange const mine = lanes_of(world.trainers->rank(), world.trainers->size(), 4, Reduction::exact);
  std::string end = "not found";
  bool right = false;
  try {
    train(state, world.config, plan, tiny.data(mine, 4, 90), {*world.trainers, *world.bulk}, observers);
  } catch (Told const& told) {
    end = told.lines().front();
    right = blames(told, flip.rank, world.trainers->size());
  }
  if (world.trainers->rank() == 0)
    std::printf("%lld %lld %s rank %d bit %d: %s\n", static_cast<long long>(when), static_cast<long long>(state.step),
                right ? "right" : "wrong", flip.rank, flip.bit, end.c_str());
  return 0;
}

int seconds(int mebibytes, int zero) {
  Shape shape = testing::sharded_shape();
  shape.vocabulary = static_cast<std::int64_t>(mebibytes) * (std::int64_t{1} << 18) / shape.width / 3;
  World const world(zero, shape);
  double most = 0;
  for (int i = 0; i < 10; ++i) {
    auto const start = std::chrono::steady_clock::now();
    world.check(i);
    most = std::max(most, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  if (world.trainers->rank() == 0)
    std::printf("%.3f s, %.0f MiB a rank\n", most, static_cast<double>(world.model->flat().nbytes()) * 3 / (1 << 20));
  return 0;
}

}  // namespace
}  // namespace bsft

int main(int, char** words) {
  std::string const what = words[1];
  int const zero = std::atoi(words[3]);
  if (what == "seconds") return bsft::seconds(std::atoi(words[2]), zero);
  bsft::World world(zero);
  auto const seed = static_cast<std::uint64_t>(std::atoll(words[2]));
  return what == "trained" ? bsft::trained(world, seed, std::atoll(words[4]))
                           : bsft::trials(world, std::atoll(words[1]), seed);
}
