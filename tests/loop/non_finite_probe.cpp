// Trains a tiny decoder under mpirun while one rank's weights are spoiled during some attempts at a step, and prints
// what each rank saw and decided: a line a rank, then the SHA-256 of its weights and moments.
//   non_finite_probe lanes zero RANK [STEP.ATTEMPT …]      attempts from 0; RANK -1: learning rate 1e30 instead;
//                                                          STEP.ATTEMPTg: the gradient, after it has been summed;
//                                                          STEP.ATTEMPTc: a copy of another rank's weight, for good
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "tests/loop/tiny.hpp"
#include "trainer/comm/job.hpp"

namespace bsft {
namespace {

constexpr std::int64_t steps = 8;

// Asked twice an attempt: before its forward, and after its backward.
class Spoiler {
 public:
  // copy: of another rank's part, where weights are shared out after each update.
  Spoiler(Decoder const& model, std::int64_t at, std::int64_t copy, std::set<std::string> attempts)
      : weight_(model.flat().narrow(0, at, 1)),
        copy_(model.flat().narrow(0, copy, 1)),
        gradient_(model.flat_gradient().narrow(0, at, 1)),
        attempts_(std::move(attempts)) {}
  void next_step(std::int64_t step) {
    step_ = step;
    asked_ = 0;
  }
  void asked() {
    at::NoGradGuard no_grad;
    std::int64_t const attempt = asked_ / 2;
    std::string const name = std::to_string(step_) + "." + std::to_string(attempt);
    if (asked_ % 2 == 1 && attempts_.contains(name + "g")) gradient_.fill_(std::numeric_limits<float>::quiet_NaN());
    if (asked_ % 2 == 0 && (attempts_.contains(name) || attempts_.contains(name + "c")))
      std::this_thread::sleep_for(std::chrono::milliseconds(200));  // weights of the last update are still under way
    if (asked_ % 2 == 0 && attempts_.contains(name + "c")) copy_.fill_(std::numeric_limits<float>::quiet_NaN());
    if (attempts_.contains(name)) {
      if (asked_ % 2 == 0) {
        good_ = weight_.item<float>();
        weight_.fill_(std::numeric_limits<float>::quiet_NaN());
      } else {
        weight_.fill_(good_);
      }
    }
    ++asked_;
  }

 private:
  at::Tensor weight_, copy_, gradient_;
  std::set<std::string> attempts_;
  std::int64_t step_ = 1, asked_ = 0;
  float good_ = 0;
};

std::string sha_of(at::Tensor const& x) {
  at::Tensor const host = x.detach().contiguous();
  return sha256_hex({static_cast<char const*>(host.const_data_ptr()), host.nbytes()});
}

// A weight of a layer, which every pass uses, among a rank's own.
std::int64_t place_in(Decoder const& model, std::vector<Part> const& parts) {
  for (Part const& part : parts) {
    for (Parameter const& p : model.parameters()) {
      bool const shares = p.offset < part.end && part.begin < p.offset + p.value.numel();
      if (shares && p.name.rfind("model.layers.", 0) == 0) return std::max(p.offset, part.begin);
    }
  }
  ensure(false, "every rank has a layer's weight");
  return 0;
}

int run(std::int64_t lanes, Sharded sharded, int odd, std::set<std::string> const& attempts) {
  auto const job = Job::over_mpi();
  auto const trainers = job->split(0, Reduction::exact);
  auto const bulk = trainers->split(0);
  testing::Tiny const tiny(60, 3, 40);
  auto const model = testing::Tiny::model(testing::sharded_shape());
  Config config;
  config.optimizer.learning_rate = odd < 0 ? 1e30 : 3e-3;
  Buckets const buckets = testing::buckets_of(*model);
  std::vector<Part> const parts = parts_of(buckets, trainers->rank(), trainers->size());
  Optimizer optimizer(*model, config.optimizer, sharded >= Sharded::moments ? std::optional(parts) : std::nullopt);
  TrainState state{*model, optimizer, 0, 0};
  bool const is_odd = trainers->rank() == odd;
  std::vector<Part> const next = parts_of(buckets, (trainers->rank() + 1) % trainers->size(), trainers->size());
  Spoiler spoiler(*model, place_in(*model, parts), place_in(*model, next), is_odd ? attempts : std::set<std::string>());
  Trainers group{*trainers, *bulk, nullptr, [&] {
                   spoiler.asked();
                   return Notes{};
                 }};
  std::ostringstream told;
  TrainObservers observers;
  observers.on_step = [&](StepMetrics const& m) {
    spoiler.next_step(m.step + 1);
    told << m.step << ":" << m.skipped << ":" << optimizer.updates();
    if (m.not_finite) {
      told << (m.not_finite->again ? ":skipped" : ":used") << (m.not_finite->gradient_alone ? ":gradient" : ":loss");
      for (std::string const& rank : m.not_finite->ranks) told << ":" << rank.substr(rank.rfind(' ') + 1);
      told << ":" << m.not_finite->records.size() << "of" << m.records;
    }
    told << ' ';
  };
  std::string end = "done";
  try {
    train(state, config, {steps, 0, buckets, sharded},
          tiny.data(lanes_of(trainers->rank(), trainers->size(), lanes, Reduction::exact), lanes, 90), group,
          observers);
  } catch (NonFinite const& error) {
    end = std::to_string(static_cast<int>(error.code())) + ":" + error.what();
  }
  if (sharded == Sharded::weights) SharedWeights(*trainers, *model, buckets).gather(Whole::on_all);
  std::vector<std::string> const all = trainers->exchange(told.str() + "| " + end + " | " + sha_of(model->flat()));
  Moments const moments = optimizer.gather(*trainers, buckets);
  if (trainers->rank() != 0) return 0;
  for (std::string const& theirs : all) std::printf("%s\n", theirs.c_str());
  std::printf("%s %s\n", sha_of(moments.first).c_str(), sha_of(moments.second).c_str());
  return 0;
}

}  // namespace
}  // namespace bsft

int main(int count, char** words) {
  return bsft::run(std::atoll(words[1]), static_cast<bsft::Sharded>(std::atoi(words[2])), std::atoi(words[3]),
                   {words + 4, words + count});
}
