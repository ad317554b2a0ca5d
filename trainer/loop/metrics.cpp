#include "trainer/loop/metrics.hpp"

#include <algorithm>
#include <cmath>

namespace bsft {
namespace {

enum Place : int {
  weighted_loss,
  weight_sum,
  records,
  samples,
  tokens,
  unique_tokens,
  supervised,
  bad_rows,
  consumed,  // four limbs
  consumed_end = consumed + 4,
  asked_to_stop = consumed_end,
  saved,
  not_saved,
  channels_begin
};
enum Part : int { part_loss, part_rows, part_correct, part_entropy, parts };
constexpr int channel_count = 3;

int place(int channel, Part part) { return channels_begin + channel * parts + part; }

}  // namespace

void Notes::add_earlier(Notes const& other) {  // a rank may say the same twice
  asked_to_stop = std::max(asked_to_stop, other.asked_to_stop);
  saved = std::max(saved, other.saved);
  not_saved = std::max(not_saved, other.not_saved);
}

std::string some_of(std::vector<std::int64_t> const& records, std::function<std::string(std::int64_t)> const& name) {
  std::size_t const shown = std::min(records.size(), records_named);
  std::string names;
  for (std::size_t i = 0; i < shown; ++i) names += (i == 0 ? "" : ", ") + name(records[i]);
  return names + (shown < records.size() ? " and " + std::to_string(records.size() - shown) + " more" : "");
}

Seconds& Seconds::operator+=(Seconds const& other) {
  data += other.data;
  forward += other.forward;
  backward += other.backward;
  reduce += other.reduce;
  optimizer += other.optimizer;
  total += other.total;
  return *this;
}

Totals::Totals() : sums_(at::zeros({channels_begin + channel_count * parts}, at::kDouble)) {}

double& Totals::at(int place) { return sums_.data_ptr<double>()[place]; }
double Totals::at(int place) const { return sums_.data_ptr<double>()[place]; }

void Totals::count(LaneBatch const& lane, std::int64_t step) {
  Ledger ledger;
  for (Forest const& pass : lane.passes) {
    for (std::int64_t const record : pass.samples) ledger.add(step, record);
  }
  Ledger::Limbs const limbs = ledger.limbs();
  for (std::size_t i = 0; i < limbs.size(); ++i) at(consumed + static_cast<int>(i)) += limbs[i];
  at(samples) += static_cast<double>(ledger.samples);
  at(weight_sum) += lane.weight;
  at(records) += static_cast<double>(lane.records);
  at(tokens) += static_cast<double>(lane.tokens);
  at(unique_tokens) += static_cast<double>(lane.unique_tokens);
  at(supervised) += static_cast<double>(lane.supervised);
}

void Totals::note(Notes const& mine) {
  at(asked_to_stop) += mine.asked_to_stop;
  at(saved) += mine.saved;
  at(not_saved) += mine.not_saved;
}

std::vector<std::int64_t> Totals::add(std::vector<SupervisedRow> const& rows, at::Tensor const& loss,
                                      at::Tensor const& correct, at::Tensor const& entropy) {
  at::Tensor const host_loss = loss.detach().to(at::kCPU, at::kFloat).contiguous();
  at::Tensor const host_correct = correct.to(at::kCPU).contiguous();
  at::Tensor const host_entropy = entropy.detach().to(at::kCPU, at::kFloat).contiguous();
  float const* const l = host_loss.data_ptr<float>();
  bool const* const c = host_correct.data_ptr<bool>();
  float const* const h = host_entropy.data_ptr<float>();
  std::vector<std::int64_t> bad;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    int const channel = static_cast<int>(rows[r].channel);
    at(weighted_loss) += static_cast<double>(rows[r].weight) * static_cast<double>(l[r]);
    at(place(channel, part_loss)) += static_cast<double>(l[r]);
    at(place(channel, part_rows)) += 1;
    at(place(channel, part_correct)) += c[r] ? 1 : 0;
    at(place(channel, part_entropy)) += static_cast<double>(h[r]);
    if (std::isfinite(l[r])) continue;
    at(bad_rows) += 1;
    if (bad.empty() || bad.back() != rows[r].sample) bad.push_back(rows[r].sample);
  }
  return bad;
}

double Totals::weight() const { return at(weight_sum); }
bool Totals::finite() const { return at(bad_rows) == 0 && std::isfinite(at(weighted_loss)); }

void Totals::fill(StepMetrics& metrics) const {
  auto const integer = [&](int place) { return static_cast<std::int64_t>(at(place)); };
  metrics.loss = at(weight_sum) > 0 ? at(weighted_loss) / at(weight_sum) : 0;
  metrics.records = integer(records);
  Ledger::Limbs limbs{};
  for (std::size_t i = 0; i < limbs.size(); ++i) limbs[i] = at(consumed + static_cast<int>(i));
  metrics.consumed = Ledger::of(limbs, integer(samples));
  metrics.tokens = integer(tokens);
  metrics.unique_tokens = integer(unique_tokens);
  metrics.supervised = integer(supervised);
  auto const ranks = [&](int place) { return static_cast<int>(at(place)); };
  metrics.notes = {ranks(asked_to_stop), ranks(saved), ranks(not_saved)};
  for (int channel = 0; channel < channel_count; ++channel) {
    ChannelMetrics& to = metrics.channels[static_cast<std::size_t>(channel)];
    double const rows = at(place(channel, part_rows));
    to.rows = static_cast<std::int64_t>(rows);
    if (rows == 0) continue;
    to.loss = at(place(channel, part_loss)) / rows;
    to.accuracy = at(place(channel, part_correct)) / rows;
    to.entropy = at(place(channel, part_entropy)) / rows;
  }
}

}  // namespace bsft
