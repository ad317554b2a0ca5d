#include "data/store/audit.hpp"

#include <algorithm>
#include <utility>

#include "data/base/error.hpp"
#include "data/base/json.hpp"
#include "data/tokenizer/nfc.hpp"

namespace bsft {
namespace {

// Some chat templates trim what stands at the ends of a turn.
std::string_view trimmed(std::string_view text) {
  constexpr auto space = " \t\r\n";
  auto const begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

}  // namespace

Auditor::Auditor(Catalog const& catalog, BytesOf bytes_of) : catalog_(catalog), bytes_of_(std::move(bytes_of)) {}

void Auditor::check_home(std::unordered_map<std::string, Home>& homes, char const* kind, std::string const& id,
                         Split split, std::string const& where) {
  auto const [home, fresh] = homes.try_emplace(id, Home{split, where});
  if (fresh || home->second.split == split || std::exchange(home->second.told, true)) return;
  audit_.findings.add(one_line(
      where + ": " + kind + " \"" + id + "\" crosses splits",
      std::string(name_of(split)) + " here, " + std::string(name_of(home->second.split)) + " at " + home->second.where,
      std::string("give all records of a ") + kind + " one split"));
}

std::string Auditor::fault_of(RecordInfo const& info, StoredTokens const& row) const {
  auto const length = static_cast<std::int32_t>(row.tokens.size());
  auto const& weights = row.weights;
  if (std::all_of(weights.begin(), weights.end(), [](float w) { return w == 0; }))
    return "nothing is supervised (all-zero mask)";
  if (std::all_of(weights.begin(), weights.end(), [](float w) { return w == 1; }))
    return "everything is supervised (all-one mask)";
  if (info.prompt_end <= 0) return "the prompt is empty";
  if (info.behavior_end != info.prompt_end + 1) return "the behaviour token is missing";
  if (info.response_end <= info.behavior_end) return "the answer is empty";
  if (length != info.response_end + 1 || row.tokens.back() != catalog_.end_token) return "the end token is dropped";
  if (weights.back() != 1) return "the end token is not supervised";
  if (catalog_.max_length > 0 && length > catalog_.max_length)
    return "over-long: " + std::to_string(length) + " tokens, at most " + std::to_string(catalog_.max_length) +
           " (shorten it, raise --max-length, or leave such records out with --overlong drop)";
  auto const& behaviors = catalog_.behaviors.tokens;
  for (std::int32_t i = 0; i < length; ++i) {
    bool const known =
        std::any_of(behaviors.begin(), behaviors.end(), [&](auto const& b) { return b.id == row.tokens[i]; });
    if (known != (i == info.prompt_end))
      return known ? "a behaviour token stands elsewhere" : "the behaviour token is missing";
    if (weights[i] != (i < info.prompt_end ? 0.0f : 1.0f))
      return "the weight of token " + std::to_string(i) + " does not follow its span";
  }
  if (row.tokens[info.prompt_end] != behaviors.at(index(info.behavior)).id)
    return "the behaviour token is another behaviour's";
  if (info.label >= 0) {
    auto const& task = catalog_.tasks.at(index(info.task));
    auto const& label = task.label_tokens.at(info.label);
    if (static_cast<std::int32_t>(label.size()) > info.response_end - info.behavior_end ||
        !std::equal(label.begin(), label.end(), row.tokens.begin() + info.behavior_end))
      return "the answer's tokens do not begin with those of its label \"" + task.labels.at(info.label) +
             "\" (set a space or a newline after the label)";
  }
  return {};
}

bool Auditor::spells_out(RecordInfo const& info, StoredTokens const& row, std::string const& response) const {
  auto const length = static_cast<std::int32_t>(row.tokens.size());
  auto const begin = std::clamp(info.behavior_end, 0, length), end = std::clamp(info.response_end, begin, length);
  auto const bytes = bytes_of_({row.tokens.data() + begin, static_cast<std::size_t>(end - begin)});
  return trimmed(bytes) == trimmed(response) || trimmed(bytes) == trimmed(nfc(response));
}

bool Auditor::holds_behavior_text(Record const& record) const {
  for (auto const& behavior : catalog_.behaviors.tokens) {
    if (record.response.find(behavior.token) != std::string::npos) return true;
    for (auto const& turn : record.turns)
      if (turn.text().find(behavior.token) != std::string::npos) return true;
  }
  return false;
}

void Auditor::add(RecordInfo const& info, StoredTokens const& row, Record const& record, std::string const& where) {
  auto const split = info.split;
  check_home(cases_, "case", record.case_id, split, where);
  if (!record.twin_id.empty()) check_home(twins_, "twin", record.twin_id, split, where);
  auto& cell = audit_.cells[{info.task, info.behavior, split}];
  ++cell.records;
  cell.tokens += static_cast<std::int64_t>(row.tokens.size());
  cell.supervised += std::count_if(row.weights.begin(), row.weights.end(), [](float w) { return w > 0; });
  for (auto const token : row.tokens)
    for (auto const& behavior : catalog_.behaviors.tokens) cell.behavior_tokens += token == behavior.id;
  cell.ends += !row.tokens.empty() && row.tokens.back() == catalog_.end_token && row.weights.back() > 0;
  cell.literal += holds_behavior_text(record);
  std::string fault = fault_of(info, row);
  if (!spells_out(info, row, record.response)) {
    ++cell.truncated;
    if (fault.empty()) fault = "the answer is truncated (its tokens spell out less than its text, or other text)";
  }
  if (!fault.empty()) audit_.findings.add(where + ": \"" + record.id + "\": " + fault);
}

void Auditor::drop(TaskId task, BehaviorId behavior, Split split) { ++audit_.cells[{task, behavior, split}].dropped; }

std::string Audit::to_json(std::string const& data_digest) const {
  OrderedJson json;
  json["passed"] = passed();
  json["data_digest"] = data_digest;
  json["findings"] = findings.count();
  auto& list = json["cells"] = OrderedJson::array();
  for (auto const& [key, cell] : cells) {
    auto const& [task, behavior, split] = key;
    list.push_back({{"task", index(task)},
                    {"behavior", index(behavior)},
                    {"split", std::string(name_of(split))},
                    {"records", cell.records},
                    {"tokens", cell.tokens},
                    {"supervised_tokens", cell.supervised},
                    {"behavior_tokens", cell.behavior_tokens},
                    {"ends_supervised", cell.ends},
                    {"truncated", cell.truncated},
                    {"literal_behavior_text", cell.literal},
                    {"dropped", cell.dropped}});
  }
  return json.dump();
}

AuditCells certified_cells(Json const& certificate, std::string const& where) {
  AuditCells cells;
  try {
    for (auto const& one : certificate.at("cells")) {
      for (auto const split : {Split::train, Split::dev, Split::test}) {
        if (one.at("split") != name_of(split)) continue;
        AuditCell& cell = cells[{TaskId{one.at("task").get<std::int32_t>()},
                                 BehaviorId{one.at("behavior").get<std::int32_t>()}, split}];
        cell.truncated = one.at("truncated").get<std::int64_t>();
        cell.dropped = one.at("dropped").get<std::int64_t>();
      }
    }
  } catch (Json::exception const& error) {
    throw Broken(where, error.what());
  }
  return cells;
}

}  // namespace bsft
