#include "trainer/loop/step.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>

namespace bsft {
namespace {

// Adds the time until it is destroyed.
class Watch {
 public:
  explicit Watch(double& seconds) : seconds_(seconds), start_(Clock::now()) {}
  ~Watch() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point start_;
};

std::string why_of(std::vector<std::int64_t> const& records, std::string const& names) {
  if (!names.empty()) return "records " + names;
  if (records.empty()) return "the gradient's norm is not finite";
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(records.size(), 8); ++i) {
    list += (i == 0 ? "" : ", ") + std::to_string(records[i]);
  }
  return "records " + list + (records.size() > 8 ? " and " + std::to_string(records.size() - 8) + " more" : "");
}

}  // namespace

NonFinite::NonFinite(std::int64_t step, std::vector<std::int64_t> records, std::string const& names)
    : Error(Exit::non_finite, "the loss is not finite at step " + std::to_string(step), why_of(records, names),
            "lower optimizer.learning_rate, or look at these records with bsft data inspect"),
      step_(step),
      records_(std::move(records)) {}

Stepper::Stepper(Decoder const& decoder, Optimizer& optimizer, Trainers trainers, std::int64_t lanes,
                 Buckets const& buckets)
    : decoder_(decoder),
      optimizer_(optimizer),
      trainers_(trainers),
      buckets_(buckets),
      shared_(optimizer.holds_all() ? Shared::whole : Shared::parts),
      gradients_(trainers.device, decoder.flat_gradient(), static_cast<std::size_t>(lanes), buckets, shared_),
      totals_(static_cast<std::size_t>(lanes)) {}

void Stepper::run_lane(LaneBatch const& lane, bool last, double scale, Totals& totals, StepMetrics& metrics) {
  Forest const* final_pass = nullptr;  // whose backward completes the gradient of this rank
  for (Forest const& pass : lane.passes) {
    if (last && !pass.supervised.empty()) final_pass = &pass;
  }
  Decoder::Ready const ready = [this](std::int64_t begin) { gradients_.ready_from(begin); };
  for (Forest const& pass : lane.passes) {
    if (pass.supervised.empty()) continue;
    op::RowLoss loss;
    {
      trainers_.does(Activity::forward);
      Watch watch(metrics.seconds.forward);
      loss = decoder_.loss(pass, scale, &pass == final_pass ? ready : Decoder::Ready());
    }
    {
      trainers_.does(Activity::backward);
      Watch watch(metrics.seconds.backward);
      loss.total.backward();
    }
    for (std::int64_t record : totals.add(pass.supervised, loss.loss, loss.correct, loss.entropy)) {
      bad_records_.push_back(record);
    }
  }
}

std::vector<std::int64_t> Stepper::gather(std::vector<std::int64_t> const& mine) {
  std::ostringstream text;
  for (std::int64_t record : mine) text << record << ' ';
  std::vector<std::int64_t> all;
  for (std::string const& theirs : trainers_.host.exchange(text.str())) {
    std::istringstream words(theirs);
    for (std::int64_t record = 0; words >> record;) all.push_back(record);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

StepMetrics Stepper::gradient(Batch const& batch) {
  StepMetrics metrics;
  metrics.step = batch.step + 1;
  metrics.epoch = batch.epoch;
  bad_records_.clear();

  std::vector<Totals> known(batch.lanes.size());
  for (std::size_t i = 0; i < batch.lanes.size(); ++i) {
    known[i].count(batch.lanes[i]);
    totals_.add(known[i].sums());
  }
  Totals const& before = known.back();
  {
    trainers_.does(Activity::reduce);
    Watch watch(metrics.seconds.reduce);
    trainers_.host.all_reduce(before.sums()).wait();
  }
  double const weight = before.weight();
  if (weight == 0) {
    decoder_.flat_gradient().zero_();
    before.fill(metrics);
    metrics.empty_batches = 1;
    return metrics;
  }

  std::vector<Totals> lanes(batch.lanes.size());
  for (std::size_t i = 0; i < batch.lanes.size(); ++i) {
    decoder_.flat_gradient().zero_();
    lanes[i].count(batch.lanes[i]);
    bool const last = i + 1 == batch.lanes.size();
    run_lane(batch.lanes[i], last, 1 / weight, lanes[i], metrics);
    trainers_.does(Activity::reduce);
    Watch watch(metrics.seconds.reduce);
    totals_.add(lanes[i].sums());
    if (!last) gradients_.add();
  }
  {
    trainers_.does(Activity::reduce);
    Watch watch(metrics.seconds.reduce);
    gradients_.finish();
    trainers_.host.all_reduce(lanes.back().sums()).wait();
  }
  lanes.back().fill(metrics);
  if (!lanes.back().finite()) throw NonFinite(metrics.step, gather(bad_records_));
  return metrics;
}

double Stepper::gradient_norm() {
  at::Tensor const squares = optimizer_.block_squares();
  if (shared_ == Shared::parts) trainers_.host.all_reduce(squares).wait();  // a block is of one rank, 0 on the others
  return std::sqrt(op::sum_in_order(squares));
}

void Stepper::gather_weights() {
  std::vector<Pending> pending;
  for (Part const& bucket : buckets_.list) {
    at::Tensor const weights = decoder_.flat().slice(0, bucket.begin, bucket.end);
    pending.push_back(trainers_.device.all_gather(weights, buckets_.block));
  }
  for (Pending& one : pending) one.wait();
}

StepMetrics Stepper::step(Batch const& batch, double learning_rate) {
  StepMetrics metrics = gradient(batch);
  metrics.learning_rate = learning_rate;
  if (metrics.empty_batches > 0) return metrics;
  {
    trainers_.does(Activity::optimizer);
    Watch watch(metrics.seconds.optimizer);
    metrics.gradient_norm = gradient_norm();
    if (!std::isfinite(metrics.gradient_norm)) throw NonFinite(metrics.step, {});
    optimizer_.update(learning_rate, metrics.gradient_norm);
  }
  trainers_.does(Activity::reduce);
  Watch watch(metrics.seconds.reduce);
  if (shared_ == Shared::parts) gather_weights();
  return metrics;
}

}  // namespace bsft
