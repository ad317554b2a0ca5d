#include "data/store/encoder.hpp"

#include <algorithm>
#include <array>

#include "data/base/error.hpp"
#include "data/base/finding_list.hpp"

namespace bsft {
namespace {

std::int32_t position(std::vector<std::string> const& names, std::string const& name) {
  auto const found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<std::int32_t>(found - names.begin());
}

std::map<std::string, std::int32_t> positions(auto const& items, auto name_of_item) {
  std::map<std::string, std::int32_t> out;
  for (auto const& item : items) out.emplace(name_of_item(item), static_cast<std::int32_t>(out.size()));
  return out;
}

std::uint8_t action_code(std::string const& action) {
  static std::vector<std::string> const actions{"answer", "intervene", "restrain"};
  return static_cast<std::uint8_t>(position(actions, action) + 1);
}

}  // namespace

Encoder::Encoder(Catalog const& catalog, ChatTemplate const& chat)
    : catalog_(catalog),
      chat_(chat),
      tasks_(positions(catalog.tasks, [](auto const& task) { return task.name; })),
      behaviors_(positions(catalog.behaviors.tokens, [](auto const& behavior) { return behavior.name; })),
      groups_(positions(catalog.groups, [](auto const& name) { return name; })),
      suites_(positions(catalog.suites, [](auto const& name) { return name; })) {}

EncodedRecord Encoder::encode(Record const& record) const {
  EncodedRecord out;
  auto& info = out.info;
  info.task = TaskId{tasks_.at(record.task)};
  info.behavior = BehaviorId{behaviors_.at(record.behavior)};
  info.group = static_cast<std::int16_t>(groups_.at(record.group));
  info.label = static_cast<std::int16_t>(position(catalog_.tasks[index(info.task)].labels, record.label));
  info.level = static_cast<std::int8_t>(record.level);
  info.action = action_code(record.action);
  info.split = record.split;
  for (auto const& suite : record.suites) info.suites |= std::uint32_t{1} << suites_.at(suite);

  auto& tokens = out.row.tokens = chat_.render_prompt(record.turns);
  info.prompt_end = static_cast<std::int32_t>(tokens.size());
  tokens.push_back(catalog_.behaviors.tokens[index(info.behavior)].id);
  info.behavior_end = static_cast<std::int32_t>(tokens.size());
  auto const response = chat_.render_response(record.response);
  tokens.insert(tokens.end(), response.begin(), response.end());
  info.response_end = static_cast<std::int32_t>(tokens.size());
  tokens.push_back(chat_.end());
  info.length = static_cast<std::int32_t>(tokens.size());
  out.row.weights.assign(tokens.size(), 1.0f);
  std::fill_n(out.row.weights.begin(), info.prompt_end, 0.0f);
  return out;
}

void encode_labels(Catalog& catalog, ChatTemplate const& chat) {
  FindingList findings;
  for (auto& task : catalog.tasks) {
    task.label_tokens.clear();
    for (auto const& label : task.labels) {
      auto tokens = chat.render_response(label);
      auto const same = std::find(task.label_tokens.begin(), task.label_tokens.end(), tokens);
      if (tokens.empty())
        findings.add(one_line("task " + task.name, "label \"" + label + "\" has no tokens", "choose another label"));
      else if (same != task.label_tokens.end())
        findings.add(one_line("task " + task.name,
                              "labels \"" + label + "\" and \"" + task.labels[same - task.label_tokens.begin()] +
                                  "\" have the same tokens",
                              "choose another label"));
      task.label_tokens.push_back(std::move(tokens));
    }
  }
  findings.throw_any(Exit::data);
}

}  // namespace bsft
