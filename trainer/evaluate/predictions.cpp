#include "trainer/evaluate/predictions.hpp"

#include <set>

#include "data/base/file.hpp"

namespace bsft {
namespace {

constexpr std::size_t text_bytes = 600;
constexpr char const* actions[] = {"", "answer", "intervene", "restrain"};

RecordInfo const& info_of(StoreReader const& reader, ScoredRecord const& scored) {
  return reader.records()[static_cast<std::size_t>(scored.record)];
}

bool is_wrong(RecordInfo const& info, ScoredRecord const& one, Condition condition) {
  return info.label >= 0 && choose(condition, info, one).label != info.label;
}

// Twin sets with a member that is judged wrong.
std::set<std::int64_t> twins_gone_wrong(StoreReader const& reader, std::span<ScoredRecord const> scored,
                                        Condition condition) {
  std::set<std::int64_t> wrong;
  for (ScoredRecord const& one : scored) {
    RecordInfo const& info = info_of(reader, one);
    if (info.twin_index >= 0 && is_wrong(info, one, condition)) wrong.insert(info.twin_index);
  }
  return wrong;
}

std::string end_of(std::string const& text) {
  if (text.size() <= text_bytes) return text;
  std::size_t from = text.size() - text_bytes;
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
  return "… " + text.substr(from);
}

std::string prompt_of(Record const& record) {
  std::string text;
  for (Turn const& turn : record.turns) text += (text.empty() ? "" : "\n") + turn.text();
  return text;
}

}  // namespace

void write_predictions(std::filesystem::path const& file, StoreReader const& reader,
                       std::span<ScoredRecord const> scored, std::vector<Condition> const& conditions,
                       std::string const& headline) {
  Catalog const& catalog = reader.catalog();
  std::set<std::int64_t> wrong;
  if (!headline.empty()) wrong = twins_gone_wrong(reader, scored, condition_of(headline));
  std::string text;
  for (ScoredRecord const& one : scored) {
    RecordInfo const& info = info_of(reader, one);
    StoredTask const& task = catalog.tasks[static_cast<std::size_t>(index(info.task))];
    auto const label = [&](std::int32_t number) {
      return number < 0 ? OrderedJson() : OrderedJson(task.labels[static_cast<std::size_t>(number)]);
    };
    auto const behavior = [&](std::int32_t number) {
      return catalog.behaviors.tokens[static_cast<std::size_t>(number)].name;
    };
    Record const record = parse_record(reader.text(one.record), "record");
    OrderedJson line;
    line["id"] = record.id;
    line["case"] = record.case_id;
    if (info.twin_index >= 0) line["twin"] = record.twin_id;
    line["task"] = task.name;
    line["group"] = catalog.groups[static_cast<std::size_t>(info.group)];
    line["suites"] = OrderedJson::array();
    for (std::size_t s = 0; s < catalog.suites.size(); ++s)
      if ((info.suites >> s & 1U) != 0) line["suites"].push_back(catalog.suites[s]);
    line["label"] = label(info.label);
    line["behavior"] = behavior(index(info.behavior));
    if (info.action != 0) line["action"] = actions[info.action];
    if (!one.behavior.empty()) line["behavior_log_p"] = one.behavior;
    for (Condition const condition : conditions) {
      Choice const choice = choose(condition, info, one);
      if (choice.scores == nullptr) continue;
      OrderedJson& entry = line["conditions"][std::string(name_of(condition))];
      if (choice.behavior >= 0) entry["behavior"] = behavior(choice.behavior);
      entry["prediction"] = label(choice.label);
      if (auto const& answer = choice.scores->answer) {
        entry["answer"] = answer->text;
        entry["ended"] = answer->ended;
      } else {
        entry["log_p"] = choice.scores->sum;
        entry["log_p_per_token"] = choice.scores->average;
      }
    }
    if (wrong.count(info.twin_index) > 0 || (!headline.empty() && is_wrong(info, one, condition_of(headline)))) {
      line["text"] = end_of(prompt_of(record));
      line["response"] = record.response;
    }
    text += line.dump() + "\n";
  }
  write_atomically(file, text);
}

}  // namespace bsft
