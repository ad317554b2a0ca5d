#include "trainer/loop/step.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

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

Shared sum_of(Sharded sharded) {
  if (sharded >= Sharded::gradients) return Shared::parts_alone;
  return sharded == Sharded::moments ? Shared::parts : Shared::whole;
}

std::vector<Forest const*> supervised(LaneBatch const& lane) {
  std::vector<Forest const*> passes;
  for (Forest const& pass : lane.passes) {
    if (!pass.supervised.empty()) passes.push_back(&pass);
  }
  return passes;
}

}  // namespace

NonFinite::NonFinite(std::int64_t step, NotFinite found, std::string many, std::string const& names)
    : Error(Exit::non_finite,
            std::string(found.gradient_alone ? "the gradient" : "the loss") + " is not finite at step " +
                std::to_string(step) + ", nor when computed again",
            "records " +
                (names.empty() ? some_of(found.records, [](std::int64_t record) { return std::to_string(record); })
                               : names) +
                "; " + many + " were skipped",
            "lower optimizer.learning_rate, or look at these records with bsft data inspect"),
      step_(step),
      found_(std::move(found)),
      many_(std::move(many)) {}

Stepper::Stepper(Decoder const& decoder, Optimizer& optimizer, Trainers trainers, std::int64_t lanes,
                 Buckets const& buckets, Sharded sharded)
    : decoder_(decoder),
      optimizer_(optimizer),
      trainers_(trainers),
      buckets_(buckets),
      sharded_(sharded),
      gradients_(trainers.device, decoder.gradient_pages(), static_cast<std::size_t>(lanes), buckets, sum_of(sharded)),
      totals_(static_cast<std::size_t>(lanes)) {
  if (sharded == Sharded::weights)
    weights_.emplace(trainers.device, decoder, buckets);
  else if (sharded != Sharded::nothing)
    gather_.emplace(trainers.device, decoder, buckets);
}

void Stepper::visit(Direction direction, std::int64_t unit, bool final_pass) {
  Watch watch(waited_);
  bool const forward = direction == Direction::forward;
  if (weights_) {
    std::int64_t const last = decoder_.units() - 1;
    if (forward)
      weights_->enter(unit, unit < last ? unit + 1 : last - 1);
    else if (unit > 0)
      weights_->enter(unit, unit > 1 ? std::optional(unit - 1) : std::nullopt);
    else
      weights_->leave();  // the embedding's backward needs no weights
  }
  if (gather_ && forward) gather_->enter(unit);
  if (final_pass && !forward) gradients_.ready_from(decoder_.final_from(unit));
}

void Stepper::run_pass(Forest const& pass, double scale, Decoder::Visit const& visit, Totals& totals,
                       StepMetrics& metrics) {
  op::RowLoss loss;
  trainers_.does(Activity::forward);
  work(metrics.seconds.forward, metrics.seconds.reduce, [&] { loss = decoder_.loss(pass, scale, visit); });
  trainers_.does(Activity::backward);
  work(metrics.seconds.backward, metrics.seconds.reduce, [&] { loss.total.backward(); });
  for (std::int64_t record : totals.add(pass.supervised, loss.loss, loss.correct, loss.entropy)) {
    bad_records_.push_back(record);
  }
}

// The seconds of f, but for those in which it waits for other ranks.
void Stepper::work(double& own, double& waiting, std::function<void()> const& f) {
  waited_ = 0;
  {
    Watch watch(own);
    f();
  }
  own -= waited_;
  waiting += waited_;
}

// `passes`: the most that a rank has in this lane.
void Stepper::run_lane(LaneBatch const& lane, std::size_t passes, bool last, double scale, Totals& totals,
                       StepMetrics& metrics) {
  std::vector<Forest const*> const mine = supervised(lane);
  for (std::size_t i = 0; i < passes; ++i) {
    bool const final_pass = last && i + 1 == passes;
    Decoder::Visit const visit = [this, final_pass](Direction direction, std::int64_t unit) {
      this->visit(direction, unit, final_pass);
    };
    if (i < mine.size()) {
      run_pass(*mine[i], scale, weights_ || gather_ || final_pass ? visit : Decoder::Visit(), totals, metrics);
      continue;
    }
    for (std::int64_t unit = 0; unit < decoder_.units(); ++unit) visit(Direction::forward, unit);
    for (std::int64_t unit = decoder_.units() - 2; unit >= 0; --unit) visit(Direction::backward, unit);
  }
}

// Of each lane: this rank's own, or with shared weights the most of any rank.
std::vector<std::size_t> Stepper::passes_of(Batch const& batch) {
  std::vector<std::size_t> passes;
  std::string mine;
  for (LaneBatch const& lane : batch.lanes) {
    passes.push_back(supervised(lane).size());
    mine += std::to_string(passes.back()) + ' ';
  }
  if (!weights_) return passes;
  for (std::string const& theirs : trainers_.host.exchange(mine)) {
    std::istringstream words(theirs);
    for (std::size_t& most : passes) {
      std::size_t count = 0;
      words >> count;
      most = std::max(most, count);
    }
  }
  return passes;
}

StepMetrics Stepper::gradient(Batch const& batch) {
  StepMetrics metrics;
  metrics.step = batch.step + 1;
  metrics.epoch = batch.epoch;
  bad_records_.clear();
  losses_finite_ = true;

  std::vector<Totals> known(batch.lanes.size());
  for (std::size_t i = 0; i < batch.lanes.size(); ++i) {
    known[i].count(batch.lanes[i], batch.step);
    totals_.add(known[i].sums());
  }
  Totals& before = known.back();
  trainers_.note(before);
  {
    trainers_.does(Activity::reduce);
    Watch watch(metrics.seconds.reduce);
    trainers_.host.all_reduce(before.sums()).wait();
  }
  double const weight = before.weight();
  if (weight == 0) {
    gradients_.clear();
    before.fill(metrics);
    metrics.empty_batches = 1;
    return metrics;
  }

  std::vector<std::size_t> const passes = passes_of(batch);
  std::vector<Totals> lanes(batch.lanes.size());
  for (std::size_t i = 0; i < batch.lanes.size(); ++i) {
    gradients_.clear();
    lanes[i].count(batch.lanes[i], batch.step);
    bool const last = i + 1 == batch.lanes.size();
    run_lane(batch.lanes[i], passes[i], last, 1 / weight, lanes[i], metrics);
    Watch watch(metrics.seconds.reduce);
    totals_.add(lanes[i].sums());
    if (!last) gradients_.add();
  }
  {
    trainers_.does(Activity::reduce);
    Watch watch(metrics.seconds.reduce);
    gradients_.finish();
    trainers_.note(lanes.back());
    trainers_.host.all_reduce(lanes.back().sums()).wait();
  }
  lanes.back().fill(metrics);
  losses_finite_ = lanes.back().finite();
  return metrics;
}

double Stepper::gradient_norm() {
  at::Tensor const squares = optimizer_.block_squares();
  if (sharded_ >= Sharded::moments)
    trainers_.host.all_reduce(squares).wait();  // a block is of one rank, 0 on the others
  return std::sqrt(op::sum_in_order(squares));
}

void Stepper::settle() {
  if (gather_) gather_->finish();
}

StepMetrics Stepper::attempt(Batch const& batch) {
  StepMetrics metrics = gradient(batch);
  finite_ = losses_finite_;
  metrics.gradient_norm = finite_ ? 0 : std::numeric_limits<double>::quiet_NaN();
  if (metrics.empty_batches > 0 || !finite_) return metrics;
  trainers_.does(Activity::optimizer);
  Watch watch(metrics.seconds.optimizer);
  metrics.gradient_norm = gradient_norm();
  finite_ = std::isfinite(metrics.gradient_norm);
  if (sharded_ == Sharded::nothing && trainers_.host.size() > 1) {  // a norm of this rank's own copy
    at::Tensor const bad = at::full({1}, finite_ ? 0 : 1, at::kDouble);
    trainers_.host.all_reduce(bad).wait();
    finite_ = bad.item<double>() == 0;
  }
  return metrics;
}

NotFinite Stepper::what_is_not_finite(Batch const& batch) {
  std::vector<std::int64_t> records = bad_records_;
  bool mine = !records.empty();
  if (losses_finite_) {
    mine = !std::isfinite(op::sum_in_order(optimizer_.block_squares()));
    for (LaneBatch const& lane : batch.lanes) {
      for (Forest const& pass : lane.passes) records.insert(records.end(), pass.samples.begin(), pass.samples.end());
    }
  }
  std::ostringstream text;
  if (mine) text << trainers_.name();
  text << '\n';
  for (std::int64_t const record : records) text << record << ' ';
  NotFinite found;
  found.gradient_alone = losses_finite_;
  for (std::string const& theirs : trainers_.host.exchange(text.str())) {
    std::istringstream words(theirs);
    std::string name;
    std::getline(words, name);
    if (!name.empty()) found.ranks.push_back(name);
    for (std::int64_t record = 0; words >> record;) found.records.push_back(record);
  }
  std::sort(found.records.begin(), found.records.end());
  found.records.erase(std::unique(found.records.begin(), found.records.end()), found.records.end());
  return found;
}

StepMetrics Stepper::step(Batch const& batch, double learning_rate) {
  StepMetrics metrics = attempt(batch);
  if (!finite_) {
    metrics.not_finite = what_is_not_finite(batch);
    if (gather_) {  // a copy may be what is wrong: each rank sends its own part once more
      gather_->finish();
      gather_->start();
    }
    StepMetrics again = attempt(batch);
    if (!finite_) metrics.not_finite = what_is_not_finite(batch);
    metrics.not_finite->again = !finite_;
    again.not_finite = std::move(metrics.not_finite);
    again.skipped = finite_ ? 0 : 1;
    again.notes.add_earlier(metrics.notes);
    again.seconds += metrics.seconds;
    metrics = std::move(again);
  }
  metrics.learning_rate = learning_rate;
  if (metrics.empty_batches > 0 || metrics.skipped > 0) return metrics;
  {
    trainers_.does(Activity::optimizer);
    Watch watch(metrics.seconds.optimizer);
    optimizer_.update(learning_rate, metrics.gradient_norm);
  }
  if (gather_) gather_->start();
  return metrics;
}

}  // namespace bsft
