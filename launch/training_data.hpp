// The data file of a run, opened and checked, with its order.
//
// Refuses (Invalid(data)) a file without a passed certificate or with other digests than the model's tokenizer,
// template and behaviour map have.
#pragma once

#include <memory>

#include "data/feed/loader.hpp"
#include "data/feed/order.hpp"
#include "data/store/reader.hpp"
#include "data/tokenizer/chat_template.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

class TrainingData {
 public:
  explicit TrainingData(Config const& config);

  StoreReader const& reader() const { return reader_; }
  Tokenizer const& tokenizer() const { return tokenizer_; }
  Order const& order() const { return *order_; }
  // How the loader reads for the lanes `mine`.
  LoaderSettings loader_settings(Config const& config, LaneRange mine) const;
  RecordSource source() const;
  std::string record_name(std::int64_t record) const;  // its id

 private:
  StoreReader reader_;
  Tokenizer tokenizer_;
  std::unique_ptr<Order> order_;
};

}  // namespace bsft
