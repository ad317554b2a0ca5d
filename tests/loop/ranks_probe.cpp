// Trains a tiny decoder under mpirun and prints, from rank 0, the SHA-256 of its weights and the bits of its losses.
//   ranks_probe lanes steps exact|fast
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/loop/tiny.hpp"
#include "trainer/comm/job.hpp"

int main(int, char** argv) {
  using namespace bsft;
  std::int64_t const lanes = std::atoll(argv[1]), steps = std::atoll(argv[2]);
  Reduction const reduction = std::string(argv[3]) == "exact" ? Reduction::exact : Reduction::fast;
  auto const job = Job::over_mpi();
  auto const trainers = job->split(0, reduction);
  testing::Tiny const tiny(60, 3, 40);
  auto const model = tiny.model();
  Config config;
  config.optimizer.learning_rate = 3e-3;
  Optimizer optimizer(*model, config.optimizer);
  TrainState state{*model, optimizer, 0, 0};
  std::string losses;
  LaneRange const mine = lanes_of(trainers->rank(), trainers->size(), lanes, reduction);
  train(state, config, {steps, 0}, tiny.data(mine, lanes, 90), {*trainers, *trainers},
        {[&](StepMetrics const& m) {
           char text[40];
           std::snprintf(text, sizeof text, "%a ", m.loss);
           losses += text;
         },
         {}});
  at::Tensor const flat = model->flat().detach().contiguous();
  std::string const sha = sha256_hex({static_cast<char const*>(flat.data_ptr()), flat.nbytes()});
  for (std::string const& theirs : trainers->exchange(sha)) {
    if (theirs != sha) return 1;  // ranks disagree
  }
  if (trainers->rank() == 0) std::printf("%s %s\n", sha.c_str(), losses.c_str());
  return 0;
}
