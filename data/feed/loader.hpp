// Read this rank's lanes of each step, one step ahead.
//
// A thread reads the records of the rank's own lanes (and no others), makes their sequences, cuts each lane into passes
// and plants their forests while the step before is computed.  A pass takes the next units of its lane while their
// unique tokens, counted unit by unit, stay within max_tokens_per_pass; a unit is never cut, so one that is larger
// stands alone. The cuts depend on the lane alone, never on the ranks. The source is called from that thread only (HDF5
// is not thread-safe): nobody else may use its reader meanwhile. Errors of the source are thrown by next().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "data/feed/forest.hpp"
#include "data/feed/lanes.hpp"
#include "data/feed/order.hpp"
#include "data/feed/sequence.hpp"

namespace bsft {

struct LaneBatch {
  std::int64_t lane = 0;
  std::vector<Forest> passes;
  std::int64_t records = 0;
  std::int64_t tokens = 0;         // of the records, shared prefixes counted for each
  std::int64_t unique_tokens = 0;  // of the forests
  std::int64_t supervised = 0;     // targets
  double weight = 0;               // sum of the targets' weights
};

struct Batch {
  std::int64_t step = 0;  // steps before this one since the start of training
  std::int64_t epoch = 0;
  std::vector<LaneBatch> lanes;  // of this rank, ascending
};

struct LoaderSettings {
  std::int64_t lanes = 8;
  LaneRange mine{0, 8};
  std::int64_t max_tokens_per_pass = 4096;
  SequenceSettings sequence;
};

using RecordSource = std::function<StoredTokens(std::int64_t record)>;

// The lane's passes from its units; used by the loader and by tests.
LaneBatch read_lane(std::int64_t lane, std::vector<Unit> const& units, std::vector<RecordInfo> const& records,
                    RecordSource const& source, LoaderSettings const& settings);

class Loader {
 public:
  // Delivers the steps [first, last).  `order` and `records` must outlive it.
  Loader(Order const& order, std::vector<RecordInfo> const& records, RecordSource source, LoaderSettings settings,
         std::int64_t first, std::int64_t last);
  ~Loader();
  // The next step; waits for it.  Nothing after the last.
  std::optional<Batch> next();

 private:
  void work();
  Batch read(std::int64_t step);

  Order const& order_;
  std::vector<RecordInfo> const& records_;
  RecordSource source_;
  LoaderSettings settings_;
  std::int64_t next_read_, last_;
  std::int64_t epoch_ = -1;
  std::vector<Unit> units_;  // of epoch_

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Batch> ready_;
  std::exception_ptr failure_;
  bool stopped_ = false, finished_ = false;
  std::thread thread_;
};

}  // namespace bsft
