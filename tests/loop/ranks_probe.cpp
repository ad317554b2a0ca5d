// Trains a tiny decoder under mpirun and prints, from rank 0, the SHA-256 of its weights and of its moments, and the
// bits of its losses.
//   ranks_probe lanes steps exact|fast zero group_size
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/loop/tiny.hpp"
#include "trainer/comm/job.hpp"

namespace {

std::string sha_of(at::Tensor const& x) {
  at::Tensor const host = x.detach().contiguous();
  return bsft::sha256_hex({static_cast<char const*>(host.const_data_ptr()), host.nbytes()});
}

}  // namespace

int main(int, char** argv) {
  using namespace bsft;
  std::int64_t const lanes = std::atoll(argv[1]), steps = std::atoll(argv[2]);
  Reduction const reduction = std::string(argv[3]) == "exact" ? Reduction::exact : Reduction::fast;
  auto const sharded = static_cast<Sharded>(std::atoi(argv[4]));
  auto const job = Job::over_mpi();
  auto const trainers = job->split(0, reduction);
  auto const bulk = trainers->split(0);
  testing::Tiny const tiny(60, std::atoll(argv[5]), 40);
  auto const model = testing::Tiny::model(testing::sharded_shape());
  Config config;
  config.optimizer.learning_rate = 3e-3;
  Buckets const buckets = testing::buckets_of(*model);
  std::vector<Part> const parts = parts_of(buckets, trainers->rank(), trainers->size());
  ensure(!parts.empty() && buckets.list.size() >= 4, "every rank has a part, of several buckets");
  Optimizer optimizer(*model, config.optimizer, sharded >= Sharded::moments ? std::optional(parts) : std::nullopt);
  TrainState state{*model, optimizer, 0, 0};
  std::string losses;
  LaneRange const mine = lanes_of(trainers->rank(), trainers->size(), lanes, reduction);
  train(state, config, {steps, 0, buckets, sharded}, tiny.data(mine, lanes, 90), {*trainers, *bulk},
        {[&](StepMetrics const& m) {
           char text[80];
           std::snprintf(text, sizeof text, "%a/%a ", m.loss, m.gradient_norm);
           losses += text;
         },
         {}});
  if (sharded == Sharded::weights) SharedWeights(*trainers, *model, buckets).gather(Whole::on_all);
  std::string const sha = sha_of(model->flat());
  for (std::string const& theirs : trainers->exchange(sha)) {
    if (theirs != sha) return 1;  // ranks disagree
  }
  Moments const moments = optimizer.gather(*trainers, buckets);
  if (trainers->rank() == 0)
    std::printf("%s %s %s %s\n", sha.c_str(), sha_of(moments.first).c_str(), sha_of(moments.second).c_str(),
                losses.c_str());
  return 0;
}
