#include "launch/training_data.hpp"

#include "data/base/json.hpp"
#include "data/store/match.hpp"
#include "trainer/model/shape.hpp"

namespace bsft {

std::unique_ptr<Order> order_of(Config const& config, StoreReader const& reader) {
  std::vector<std::int64_t> const chosen = trainable_records(
      reader.records(), config.data.max_length, config.data.overlong == "drop" ? TooLong::drop : TooLong::error);
  return std::make_unique<Order>(
      reader.records(), chosen, OrderSettings{config.run.seed, config.train.global_batch_size, config.data.group_size});
}

TrainingData::TrainingData(Config const& config) : reader_(config.data.file), tokenizer_(config.model.path) {
  reader_.require_certificate();
  ChatTemplate const chat(template_family(config.model.template_family, config.model.path), tokenizer_);
  require_match(reader_.catalog(), tokenizer_, chat, static_cast<TokenId>(read_shape(config.model.path).vocabulary));
  order_ = order_of(config, reader_);
}

LoaderSettings TrainingData::loader_settings(Config const& config, LaneRange mine) const {
  SequenceSettings sequence;
  sequence.position =
      config.behavior.position == "before_prompt" ? BehaviorPosition::before_prompt : BehaviorPosition::before_response;
  sequence.uses_token = behaviors_in_use(config.behavior.set, reader_.catalog().behaviors);
  sequence.in_loss = config.behavior.in_loss;
  sequence.loss_weight = config.behavior.loss_weight;
  sequence.shares = config.data.group_size > 1;
  return {config.parallel.lanes, mine, config.train.max_tokens_per_pass, sequence};
}

RecordSource TrainingData::source() const {
  return [this](std::int64_t record) {
    std::lock_guard const lock(reading_);
    return reader_.read(record);
  };
}

std::string TrainingData::record_name(std::int64_t record) const {
  std::lock_guard const lock(reading_);
  return parse_json(reader_.text(record), "record " + std::to_string(record)).value("id", std::to_string(record));
}

}  // namespace bsft
