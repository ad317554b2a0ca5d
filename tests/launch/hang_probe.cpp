// Trains a tiny decoder under mpirun, watched, in which one rank at some step does what it should not.
//   hang_probe skips|breaks|throws|waits|leaves|flips RANK FOLDER
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "launch/failure.hpp"
#include "launch/start.hpp"
#include "tests/loop/tiny.hpp"

namespace bsft {
namespace {

constexpr std::int64_t odd_step = 30, steps = 1'000'000, lanes = 4;

// Passes everything on, but for one all_reduce.
class Skipping final : public Communicator {
 public:
  explicit Skipping(Communicator& all) : all_(all) {}
  int rank() const override { return all_.rank(); }
  int size() const override { return all_.size(); }
  std::string backend() const override { return all_.backend(); }
  Pending all_reduce(at::Tensor x) override { return std::exchange(skips, false) ? Pending() : all_.all_reduce(x); }
  Pending reduce_scatter(at::Tensor x, std::int64_t grain) override { return all_.reduce_scatter(x, grain); }
  Pending all_gather(at::Tensor x, std::int64_t grain) override { return all_.all_gather(x, grain); }
  Pending all_to_all(at::Tensor to, at::Tensor from) override { return all_.all_to_all(to, from); }
  Pending broadcast(at::Tensor x, int root) override { return all_.broadcast(x, root); }
  std::vector<std::string> exchange(std::string const& bytes) override { return all_.exchange(bytes); }
  void barrier() override { all_.barrier(); }
  std::unique_ptr<Communicator> split(int color) override { return all_.split(color); }

  bool skips = false;

 private:
  Communicator& all_;
};

// The source of the odd rank, from the odd step on.
void misbehave(std::string const& how) {
  if (how == "breaks") throw Broken("chunk 7 of data.h5", "its checksum is wrong", "build it again");
  if (how == "throws") throw std::runtime_error("a fault of the program");
  while (how == "waits") std::this_thread::sleep_for(std::chrono::seconds(1));
}

int run(std::string const& how, int odd, std::filesystem::path const& folder) {
  FlightRecorder recorder;
  auto const job = Job::over_mpi(&recorder);
  RunPlace place{folder, 0, steps};
  return guarded(*job, place, recorder, [&] {
    auto const trainers = job->split(0, Reduction::exact);
    recorder.is(job->rank(), Role::trainer);
    recorder.runs_in(folder, steps);
    job->watch({3, 600, 1}, [&](Verdict const& verdict) { act_on(verdict, *job, recorder); });
    bool const is_odd = job->rank() == odd;
    Skipping group(*trainers);
    testing::Tiny const tiny(60, 3, 40);
    auto const model = tiny.model();
    Config const config;
    Buckets const buckets = testing::buckets_of(*model);
    Optimizer optimizer(*model, config.optimizer);
    TrainState state{*model, optimizer, 0, 0};
    TrainData data = tiny.data(lanes_of(job->rank(), job->size(), lanes, Reduction::exact), lanes, 90);
    data.source = [&, source = data.source](std::int64_t record) {
      if (is_odd && place.step >= odd_step) misbehave(how);
      return source(record);
    };
    TrainObservers observers;
    observers.on_step = [&](StepMetrics const& metrics) {
      place.step = metrics.step;
      recorder.step_done(metrics.seconds.total);
      bool const now = is_odd && metrics.step == odd_step;
      group.skips = now && how == "skips";
      if (now && how == "flips") *reinterpret_cast<std::uint8_t*>(model->flat().data_ptr<float>() + 100) ^= 1;
    };
    std::int64_t const mine = is_odd && how == "leaves" ? odd_step : steps;
    train(state, config, {mine, 0, buckets}, data, {group, group, &recorder}, observers);
    return 0;
  });
}

}  // namespace
}  // namespace bsft

int main(int, char** argv) { return bsft::run(argv[1], std::atoi(argv[2]), argv[3]); }
