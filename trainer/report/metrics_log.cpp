#include "trainer/report/metrics_log.hpp"

#include <cstdio>
#include <sstream>
#include <utility>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"

namespace bsft {

std::string metrics_line(StepMetrics const& m) {
  ChannelMetrics const& behavior = m.channels[static_cast<std::size_t>(Channel::behavior)];
  ChannelMetrics const& response = m.channels[static_cast<std::size_t>(Channel::response)];
  ChannelMetrics const& end = m.channels[static_cast<std::size_t>(Channel::end)];
  auto const mean = [](ChannelMetrics const& channel, double value) {
    return channel.rows > 0 ? OrderedJson(value) : OrderedJson(nullptr);
  };
  OrderedJson line;
  line["step"] = m.step;
  line["epoch"] = m.epoch;
  line["loss"] = m.loss;
  line["behavior_loss"] = mean(behavior, behavior.loss);
  line["behavior_accuracy"] = mean(behavior, behavior.accuracy);
  line["behavior_entropy"] = mean(behavior, behavior.entropy);
  line["response_loss"] = mean(response, response.loss);
  line["response_accuracy"] = mean(response, response.accuracy);
  line["end_loss"] = mean(end, end.loss);
  line["gradient_norm"] = m.gradient_norm;
  line["learning_rate"] = m.learning_rate;
  line["records"] = m.records;
  line["tokens"] = m.tokens;
  line["unique_tokens"] = m.unique_tokens;
  line["supervised_tokens"] = m.supervised;
  line["tokens_per_second"] = m.tokens_per_second;
  line["seconds"] = {{"data", m.seconds.data},     {"forward", m.seconds.forward},     {"backward", m.seconds.backward},
                     {"reduce", m.seconds.reduce}, {"optimizer", m.seconds.optimizer}, {"total", m.seconds.total}};
  line["empty_batches"] = m.empty_batches;
  line["skipped"] = m.skipped;
  return line.dump();
}

MetricsLog::MetricsLog(std::filesystem::path file, std::int64_t from) : file_(std::move(file)) {
  if (!std::filesystem::exists(file_)) {
    write_atomically(file_, "");
    return;
  }
  std::istringstream lines(read_file(file_));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    Json const json = Json::parse(line, nullptr, false);  // a torn last line is dropped
    if (json.is_object() && json.value("step", from + 1) <= from) kept += line + "\n";
  }
  write_atomically(file_, kept);
}

void MetricsLog::write(StepMetrics const& metrics) {
  waiting_ += metrics_line(metrics) + "\n";
  auto const size = std::filesystem::file_size(file_);
  try {
    append_line(file_, std::string_view(waiting_).substr(0, waiting_.size() - 1));
    waiting_.clear();
  } catch (Failed const& error) {
    std::error_code ignored;
    std::filesystem::resize_file(file_, size, ignored);  // no half line
    if (!std::exchange(warned_, true)) std::fprintf(stderr, "bsft: warning: %s: lines wait in memory\n", error.what());
  }
}

}  // namespace bsft
