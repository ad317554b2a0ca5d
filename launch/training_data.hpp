// The data file of a run, opened and checked, with its order.
//
// Refuses (Invalid(data)) a file without a passed certificate or with other digests than the model's tokenizer,
// template and behaviour map have.
#pragma once

#include <memory>
#include <mutex>

#include "data/feed/loader.hpp"
#include "data/feed/order.hpp"
#include "data/store/reader.hpp"
#include "data/tokenizer/chat_template.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

// The order in which this configuration takes the records of a data file.
std::unique_ptr<Order> order_of(Config const& config, StoreReader const& reader);

class TrainingData {
 public:
  explicit TrainingData(Config const& config);

  StoreReader const& reader() const { return reader_; }
  Tokenizer const& tokenizer() const { return tokenizer_; }
  Order const& order() const { return *order_; }
  // How the loader reads for the lanes `mine`.
  LoaderSettings loader_settings(Config const& config, LaneRange mine) const;
  RecordSource source() const;
  // Its id.  Any thread, also while a loader reads.
  std::string record_name(std::int64_t record) const;

 private:
  mutable std::mutex reading_;  // HDF5 takes one thread at a time
  StoreReader reader_;
  Tokenizer tokenizer_;
  std::unique_ptr<Order> order_;
};

}  // namespace bsft
