// The data file of a run, opened and checked, with its order.
//
// Refuses (Invalid(data)) a file without a passed certificate or with other digests than the model's tokenizer,
// template and behaviour map have.
// Damaged chunks: where data.skip_corrupt allows some, each rank looks at its share of all chunks (look_for_damage),
// ranks exchange what they found, and set_order() leaves the records in it out before the first epoch is drawn, so
// which these are does not depend on the ranks; more chunks than allowed are Findings(data).  Where it allows none, a
// chunk is looked at when it is read, and the first damaged one ends the run.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "data/feed/loader.hpp"
#include "data/feed/order.hpp"
#include "data/store/reader.hpp"
#include "data/tokenizer/chat_template.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

// The order in which this configuration takes the records of a data file, but for those that lie in damaged chunks.
struct TrainingOrder {
  std::unique_ptr<Order> order;
  std::vector<std::int64_t> left_out;  // ascending
};
TrainingOrder order_of(Config const& config, StoreReader const& reader, std::vector<ChunkDamage> const& damage);

class TrainingData {
 public:
  // `config` must outlive it.
  TrainingData(Config const& config, Probed file);

  // Damaged chunks in the part-th of `parts` shares, for set_order() of all ranks.
  std::string look_for_damage(std::int64_t part, std::int64_t parts) const;
  void set_order(std::vector<std::string> const& found);
  std::vector<ChunkDamage> const& damage() const { return damage_; }
  // Training records that are left out, and a digest of which these are; empty where there are none.
  std::int64_t records_left_out() const { return records_left_out_; }
  std::string const& left_out() const { return left_out_; }

  // events.jsonl of a run that starts at `step`: what is left out.
  void note_damage(std::filesystem::path const& run_dir, std::int64_t step) const;
  // data.json: what the file holds (data/store/summary.hpp), and "training": {records, overlong, damaged}, the records
  // of the train split that are taken, too long, or in damaged chunks.
  void write_summary(std::filesystem::path const& run_dir) const;
  // Invalid(resume_mismatch) where the checkpoint's run left out other records.
  void require_left_out(std::string const& then, std::filesystem::path const& checkpoint) const;

  StoreReader const& reader() const { return reader_; }
  Tokenizer const& tokenizer() const { return tokenizer_; }
  Order const& order() const { return *order_; }
  // How the loader reads for the lanes `mine`.
  LoaderSettings loader_settings(Config const& config, LaneRange mine) const;
  RecordSource source() const;
  // Its id, or its number where its text is damaged.  Any thread, also while a loader reads.
  std::string record_name(std::int64_t record) const;

 private:
  Config const& config_;
  mutable std::mutex reading_;  // HDF5 takes one thread at a time
  StoreReader reader_;
  Tokenizer tokenizer_;
  std::unique_ptr<Order> order_;
  std::vector<ChunkDamage> damage_;
  std::int64_t records_left_out_ = 0;
  std::string left_out_;
};

}  // namespace bsft
