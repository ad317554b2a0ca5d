#include "data/feed/loader.hpp"

#include <algorithm>
#include <utility>

#include "data/base/error.hpp"

namespace bsft {

LaneBatch read_lane(std::int64_t lane, std::vector<Unit> const& units, std::vector<RecordInfo> const& records,
                    RecordSource const& source, LoaderSettings const& settings) {
  LaneBatch batch;
  batch.lane = lane;
  std::vector<Sequence> pass;
  std::int64_t pass_tokens = 0;
  auto const close = [&] {
    if (pass.empty()) return;
    batch.passes.push_back(plant(pass));
    batch.unique_tokens += static_cast<std::int64_t>(batch.passes.back().tokens.size());
    pass.clear();
    pass_tokens = 0;
  };
  for (Unit const& unit : units) {
    std::vector<Sequence> members;
    for (std::int64_t r : unit) {
      members.push_back(training_sequence(r, records[static_cast<std::size_t>(r)], source(r), settings.sequence));
      ++batch.records;
      batch.tokens += static_cast<std::int64_t>(members.back().tokens.size());
      batch.supervised += static_cast<std::int64_t>(members.back().targets.size());
      for (Target const& target : members.back().targets) batch.weight += static_cast<double>(target.weight);
    }
    auto const unique = static_cast<std::int64_t>(plant(members).tokens.size());
    if (pass_tokens + unique > settings.max_tokens_per_pass) close();
    pass_tokens += unique;
    std::move(members.begin(), members.end(), std::back_inserter(pass));
  }
  close();
  return batch;
}

Loader::Loader(Order const& order, std::vector<RecordInfo> const& records, RecordSource source, LoaderSettings settings,
               std::int64_t first, std::int64_t last)
    : order_(order),
      records_(records),
      source_(std::move(source)),
      settings_(std::move(settings)),
      next_read_(first),
      last_(last),
      thread_([this] { work(); }) {}

Loader::~Loader() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Batch Loader::read(std::int64_t step) {
  std::int64_t const epoch = step / order_.steps_per_epoch();
  if (epoch != epoch_) {
    units_ = order_.epoch(epoch);
    epoch_ = epoch;
  }
  auto const [begin, end] = order_.units_of(step);
  std::span<Unit const> const units(units_.data() + begin, static_cast<std::size_t>(end - begin));
  auto const lanes = deal(units, records_, settings_.lanes);
  Batch batch{step, epoch, {}};
  for (std::int64_t lane = settings_.mine.begin; lane < settings_.mine.end; ++lane) {
    batch.lanes.push_back(read_lane(lane, lanes[static_cast<std::size_t>(lane)], records_, source_, settings_));
  }
  return batch;
}

void Loader::work() {
  try {
    for (; next_read_ < last_; ++next_read_) {
      Batch batch = read(next_read_);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !ready_; });
      if (stopped_) return;
      ready_ = std::move(batch);
      changed_.notify_all();
    }
  } catch (...) {
    std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

std::optional<Batch> Loader::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ || finished_; });
  if (!ready_) {
    if (failure_) std::rethrow_exception(failure_);
    return std::nullopt;
  }
  std::optional<Batch> batch = std::exchange(ready_, std::nullopt);
  changed_.notify_all();
  return batch;
}

}  // namespace bsft
