#include "data/schema/record.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/finding_list.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

constexpr std::size_t line_limit = std::size_t{16} << 20;
constexpr std::size_t name_limit = 512;

// Reads one record's object and says which field is wrong.
class Fields {
 public:
  Fields(Json const& object, std::string_view where) : object_(object), where_(where) {}

  [[noreturn]] void refuse(std::string_view what, std::string_view why, std::string_view fix = {}) const {
    throw Invalid(Exit::data, where_ + ": " + std::string(what), why, fix);
  }

  Json const* find(char const* key) const {
    auto const found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(Json const& value, std::string_view key) const {
    if (!value.is_string()) refuse(quoted(key), "not a string");
    return value.get<std::string>();
  }

  // A name: not empty, short, on one line.
  std::string name(char const* key) const {
    auto const* value = find(key);
    if (value == nullptr) refuse(quoted(key), "missing");
    return checked_name(text(*value, key), key);
  }

  std::string optional_name(char const* key) const { return find(key) == nullptr ? std::string() : name(key); }

  std::string checked_name(std::string value, std::string_view key) const {
    if (value.empty()) refuse(quoted(key), "empty");
    if (value.size() > name_limit) refuse(quoted(key), std::to_string(value.size()) + " bytes, at most 512");
    for (unsigned char const c : value)
      if (c < 0x20 || c == 0x7f) refuse(quoted(key), "holds a control character");
    return value;
  }

  std::vector<std::string> names(char const* key) const {
    std::vector<std::string> out;
    auto const* value = find(key);
    if (value == nullptr) return out;
    if (!value->is_array()) refuse(quoted(key), "not a list");
    for (auto const& item : *value) {
      auto one = checked_name(text(item, key), key);
      if (std::find(out.begin(), out.end(), one) != out.end()) refuse(quoted(key), "\"" + one + "\" stands twice");
      out.push_back(std::move(one));
    }
    return out;
  }

  static std::string quoted(std::string_view key) { return std::string("\"").append(key).append("\""); }

 private:
  Json const& object_;
  std::string where_;
};

Turn parse_turn(Fields const& record, Json const& value, std::string_view where) {
  if (!value.is_object()) record.refuse("\"turns\"", "a turn is not an object");
  Fields const fields(value, where);
  Turn turn;
  turn.role = fields.name("role");
  if (turn.role != "system" && turn.role != "user" && turn.role != "assistant")
    record.refuse("\"role\"", "\"" + turn.role + "\"", "use system, user or assistant");
  turn.speaker = fields.optional_name("speaker");
  auto const* content = fields.find("content");
  if (content == nullptr) record.refuse("\"content\"", "missing");
  turn.content = fields.text(*content, "content");
  if (turn.content.empty()) record.refuse("\"content\"", "empty");
  return turn;
}

std::vector<Turn> parse_turns(Fields const& fields, std::string_view where) {
  auto const* turns = fields.find("turns");
  auto const* prompt = fields.find("prompt");
  if ((turns == nullptr) == (prompt == nullptr))
    fields.refuse("\"turns\"", turns == nullptr ? "missing" : "\"prompt\" is there as well", "give one of the two");
  std::vector<Turn> out;
  if (prompt != nullptr) {
    out.push_back({"user", "", fields.text(*prompt, "prompt")});
    if (out.back().content.empty()) fields.refuse("\"prompt\"", "empty");
    return out;
  }
  if (!turns->is_array() || turns->empty()) fields.refuse("\"turns\"", "not a list with at least one turn");
  for (auto const& turn : *turns) out.push_back(parse_turn(fields, turn, where));
  for (std::size_t i = 1; i < out.size(); ++i)
    if (out[i].role == "system") fields.refuse("\"turns\"", "a system turn after the first turn");
  if (out.back().role != "user")
    fields.refuse("\"turns\"", "the last turn is of role " + out.back().role,
                  "end with a user turn; the answer belongs in \"response\"");
  return out;
}

Split parse_split(Fields const& fields) {
  auto const text = fields.name("split");
  for (auto const split : {Split::train, Split::dev, Split::test})
    if (text == name_of(split)) return split;
  fields.refuse("\"split\"", "\"" + text + "\"", "use train, dev or test");
}

int parse_level(Fields const& fields) {
  auto const* value = fields.find("level");
  if (value == nullptr) fields.refuse("\"level\"", "missing");
  if (!value->is_number_integer()) fields.refuse("\"level\"", "not an integer", "use 0 to 5");
  if (*value < 0 || *value > 5) fields.refuse("\"level\"", value->dump(), "use 0 to 5");
  return value->get<int>();
}

void parse_answer(Fields const& fields, Record& record) {
  auto const* response = fields.find("response");
  if (response == nullptr) fields.refuse("\"response\"", "missing");
  record.response = fields.text(*response, "response");
  if (record.response.find_first_not_of(" \t\r\n") == std::string::npos) fields.refuse("\"response\"", "empty");
  record.label = fields.optional_name("label");
  record.labels = fields.names("labels");
  if (record.labels.size() == 1) fields.refuse("\"labels\"", "only one label", "declare the task's whole label set");
  if (!record.label.empty()) {
    if (std::find(record.labels.begin(), record.labels.end(), record.label) == record.labels.end())
      fields.refuse("\"label\"", "\"" + record.label + "\" is not in \"labels\"",
                    nearest(record.label, record.labels).empty()
                        ? "declare it there"
                        : "did you mean " + nearest(record.label, record.labels));
    if (!record.response.starts_with(record.label))
      fields.refuse("\"response\"", "does not begin with its label \"" + record.label + "\"");
  }
  record.action = fields.optional_name("action");
  static std::vector<std::string> const actions{"answer", "intervene", "restrain"};
  if (!record.action.empty() && std::find(actions.begin(), actions.end(), record.action) == actions.end())
    fields.refuse("\"action\"", "\"" + record.action + "\"", "use answer, intervene or restrain");
}

}  // namespace

std::string_view name_of(Split split) {
  static constexpr std::array<std::string_view, 3> names{"train", "dev", "test"};
  return names.at(static_cast<std::size_t>(split));
}

Record parse_record(std::string_view line, std::string_view where) {
  Json const object = parse_json(line, where, {line_limit, 16});
  if (!object.is_object()) throw Invalid(Exit::data, std::string(where) + ": not a record", "a line is a JSON object");
  Fields const fields(object, where);
  Record record;
  record.id = fields.name("id");
  record.case_id = fields.name("case_id");
  record.twin_id = fields.optional_name("twin_id");
  record.task = fields.name("task");
  record.group = fields.name("group");
  record.behavior = fields.name("behavior");
  record.level = parse_level(fields);
  record.turns = parse_turns(fields, where);
  parse_answer(fields, record);
  record.split = parse_split(fields);
  record.source = fields.name("source");
  record.suites = fields.names("suites");
  for (char const* key : {"image", "images"})
    if (auto const* value = fields.find(key)) record.needs_image |= !value->empty() && *value != "";
  return record;
}

std::string to_json_line(Record const& record) {
  OrderedJson object;
  object["id"] = record.id;
  object["case_id"] = record.case_id;
  if (!record.twin_id.empty()) object["twin_id"] = record.twin_id;
  object["task"] = record.task;
  object["group"] = record.group;
  object["behavior"] = record.behavior;
  object["level"] = record.level;
  auto& turns = object["turns"] = OrderedJson::array();
  for (auto const& turn : record.turns) {
    OrderedJson one;
    one["role"] = turn.role;
    if (!turn.speaker.empty()) one["speaker"] = turn.speaker;
    one["content"] = turn.content;
    turns.push_back(std::move(one));
  }
  object["response"] = record.response;
  if (!record.label.empty()) object["label"] = record.label;
  if (!record.labels.empty()) object["labels"] = record.labels;
  if (!record.action.empty()) object["action"] = record.action;
  object["split"] = std::string(name_of(record.split));
  object["source"] = record.source;
  if (!record.suites.empty()) object["suites"] = record.suites;
  return object.dump();
}

std::vector<Record> read_records(std::filesystem::path const& file) {
  MappedFile const map(file);
  std::vector<Record> records;
  FindingList findings;
  std::unordered_map<std::string, std::int64_t> line_of;
  std::string_view rest = map.bytes();
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    auto const end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    std::string const where = file.string() + ":" + std::to_string(number);
    try {
      Record record = parse_record(line, where);
      auto const [first, fresh] = line_of.try_emplace(record.id, number);
      if (!fresh)
        throw Invalid(Exit::data, where + ": \"id\"",
                      "\"" + record.id + "\" is in line " + std::to_string(first->second) + " as well",
                      "give every record an id of its own");
      record.line = number;
      records.push_back(std::move(record));
    } catch (Error const& error) {
      findings.add(error.what());
    }
  }
  if (findings.count() == 0 && records.empty()) findings.add(one_line(file.string(), "no records", ""));
  findings.throw_any(Exit::data);
  return records;
}

}  // namespace bsft
