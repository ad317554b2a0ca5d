#include "launch/training_data.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "data/base/digest.hpp"
#include "data/base/file.hpp"
#include "data/base/finding_list.hpp"
#include "data/base/json.hpp"
#include "data/store/chunks.hpp"
#include "data/store/match.hpp"
#include "data/store/summary.hpp"
#include "trainer/model/shape.hpp"
#include "trainer/report/run_events.hpp"

namespace bsft {

TrainingOrder order_of(Config const& config, StoreReader const& reader, std::vector<ChunkDamage> const& damage) {
  std::vector<std::int64_t> chosen = trainable_records(reader.records(), config.data.max_length,
                                                       config.data.overlong == "drop" ? TooLong::drop : TooLong::error);
  auto const out =
      std::stable_partition(chosen.begin(), chosen.end(), [&](auto record) { return !lies_in(damage, record); });
  std::vector<std::int64_t> const left_out(out, chosen.end());
  chosen.erase(out, chosen.end());
  if (chosen.empty())
    throw Invalid(Exit::data, config.data.file, "every training record lies in a damaged chunk", build_again);
  return {
      std::make_unique<Order>(reader.records(), chosen,
                              OrderSettings{config.run.seed, config.train.global_batch_size, config.data.group_size}),
      left_out};
}

TrainingData::TrainingData(Config const& config, Probed file)
    : config_(config), reader_(std::move(file)), tokenizer_(config.model.path) {
  reader_.require_certificate();
  ChatTemplate const chat(template_family(config.model.template_family, config.model.path), tokenizer_);
  require_match(reader_.catalog(), tokenizer_, chat, static_cast<TokenId>(read_shape(config.model.path).vocabulary));
}

std::string TrainingData::look_for_damage(std::int64_t part, std::int64_t parts) const {
  Json list = Json::array();
  if (config_.data.skip_corrupt > 0)
    for (auto const& chunk : reader_.damage(Rows::tokens, part, parts))
      list.push_back({chunk.dataset, chunk.chunk, chunk.first_record, chunk.last_record, chunk.line});
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void TrainingData::set_order(std::vector<std::string> const& found) {
  for (auto const& share : found)
    for (auto const& chunk : parse_json(share, "damage"))
      damage_.push_back({chunk.at(0), chunk.at(1), chunk.at(2), chunk.at(3), chunk.at(4)});
  auto const place = [](ChunkDamage const& one) { return std::tie(one.dataset, one.chunk); };
  std::sort(damage_.begin(), damage_.end(), [&](auto const& a, auto const& b) { return place(a) < place(b); });
  if (static_cast<std::int64_t>(damage_.size()) > config_.data.skip_corrupt) {
    FindingList findings;
    findings.add(one_line(config_.data.file + ": " + std::to_string(damage_.size()) + " damaged chunks",
                          "data.skip_corrupt allows " + std::to_string(config_.data.skip_corrupt), build_again));
    for (auto const& chunk : damage_) findings.add(chunk.line);
    findings.throw_any(Exit::data);
  }
  TrainingOrder found_order = order_of(config_, reader_, damage_);
  order_ = std::move(found_order.order);
  std::vector<std::int64_t> const& out = found_order.left_out;
  records_left_out_ = static_cast<std::int64_t>(out.size());
  if (!out.empty()) left_out_ = xxh128_hex(bytes_of_values(out));
}

void TrainingData::note_damage(std::filesystem::path const& run_dir, std::int64_t step) const {
  for (ChunkDamage const& chunk : damage_) {
    OrderedJson const event = {{"event", "damaged_chunk"},           {"step", step},
                               {"dataset", chunk.dataset},           {"chunk", chunk.chunk},
                               {"first_record", chunk.first_record}, {"last_record", chunk.last_record}};
    note_event(run_dir, event);
  }
}

void TrainingData::write_summary(std::filesystem::path const& run_dir) const {
  OrderedJson json = summary_of(reader_);
  std::int64_t const taken = order_->records();
  std::int64_t const all = std::ranges::count(reader_.records(), Split::train, &RecordInfo::split);
  json["training"] = {
      {"records", taken}, {"overlong", all - taken - records_left_out_}, {"damaged", records_left_out_}};
  write_atomically(run_dir / "data.json", json.dump(1) + "\n");
}

void TrainingData::require_left_out(std::string const& then, std::filesystem::path const& checkpoint) const {
  if (then == left_out_) return;
  throw Invalid(Exit::resume_mismatch, "cannot resume from " + checkpoint.string(),
                "other records are left out for damaged chunks of " + config_.data.file + " than in the run so far",
                "restore the file and data.skip_corrupt, or start a new run in another run.dir");
}

LoaderSettings TrainingData::loader_settings(Config const& config, LaneRange mine) const {
  SequenceSettings sequence;
  sequence.position =
      config.behavior.position == "before_prompt" ? BehaviorPosition::before_prompt : BehaviorPosition::before_response;
  sequence.uses_token = behaviors_in_use(config.behavior.set, reader_.catalog().behaviors);
  sequence.in_loss = config.behavior.in_loss;
  sequence.loss_weight = config.behavior.loss_weight;
  sequence.shares = config.data.group_size > 1;
  if (config.behavior.assignment == "shuffled") {
    sequence.shuffle.emplace().seed = config.run.seed;
    for (BehaviorToken const& token : reader_.catalog().behaviors.tokens) sequence.shuffle->tokens.push_back(token.id);
  }
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
  std::string const number = std::to_string(record);
  try {
    return parse_json(reader_.text(record), "record " + number).value("id", number);
  } catch (Broken const&) {
    return number;
  }
}

}  // namespace bsft
