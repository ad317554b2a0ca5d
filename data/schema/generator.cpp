#include "data/schema/generator.hpp"

#include "data/base/error.hpp"
#include "data/schema/generator_draw.hpp"
#include "data/schema/generator_wording.hpp"

namespace bsft {
namespace {

std::string padded(std::int64_t number) {
  auto text = std::to_string(number);
  return std::string(text.size() < 6 ? 6 - text.size() : 0, '0') + text;
}

std::string const& wording(std::vector<std::string> const& from, TaskSpec const& task, char const* key, Draw& draw) {
  if (from.empty())
    throw Invalid(Exit::config, "task \"" + task.name + "\"", std::string("no ") + key, "the generator needs wordings");
  return draw.pick(from);
}

// The record under the task's own behaviour, and the same prompt under the other.
void add_contrast(TaskSpec const& task, Record record, Slots slots, Draw& draw, std::vector<Record>& out) {
  if (!task.contrast)
    throw Invalid(Exit::config, "task \"" + task.name + "\"", "no contrast", "say what the other behaviour answers");
  TaskSpec::Contrast const& other = *task.contrast;
  record.suites = {"contrast"};
  record.twin_id = record.case_id + "-contrast";
  out.push_back(record);
  record.id += "-" + other.behavior;
  record.group = other.group;
  record.behavior = other.behavior;
  record.level = other.level;
  record.label = slots["label"] = task.labels.at(1);
  record.response = fill(wording(other.answers, task, "answers", draw), slots);
  record.action = "intervene";
  out.push_back(std::move(record));
}

std::vector<Record> asked(GeneratorOptions const& options, Taxonomy const& taxonomy, std::int64_t number) {
  auto const facts = draw_case(options, number);
  auto const dialogue = tell(options, facts);
  auto const probes = probes_of(options, facts, taxonomy);
  std::vector<Record> out;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    auto const& probe = probes[i];
    auto const& task = *taxonomy.find(probe.task);
    // Twins are worded alike.
    Draw draw(options.seed, number,
              probe.pair >= 0 ? twin_stream + static_cast<std::size_t>(probe.pair) : wording_stream + i);
    auto slots = probe.slots;
    slots["label"] = probe.label;
    Record record;
    record.case_id = "synthetic-" + padded(number);
    record.id = record.case_id + "-" + probe.task + "-" + std::to_string(i);
    if (probe.pair >= 0) record.twin_id = record.case_id + "-pair-" + std::to_string(probe.pair);
    record.task = task.name;
    record.group = task.group;
    record.behavior = task.behavior;
    record.level = task.level;
    record.turns = dialogue;
    record.turns.push_back({"user", "", fill(wording(task.questions, task, "questions", draw), slots)});
    record.response = fill(wording(task.answers, task, "answers", draw), slots);
    record.label = probe.label;
    record.labels = task.labels;
    record.action = probe.pair < 0 ? "answer" : probe.planted ? "intervene" : "restrain";
    record.split = facts.split;
    record.source = "synthetic";
    record.suites = {"full"};
    if (facts.hard && task.level >= 3) record.suites.push_back("hard");
    if (probe.contrast)
      add_contrast(task, record, slots, draw, out);
    else
      out.push_back(std::move(record));
  }
  return out;
}

}  // namespace

std::vector<Record> records_of(GeneratorOptions const& options, Taxonomy const& taxonomy, std::int64_t number) {
  std::vector<Record> records = asked(options, taxonomy, number);
  if (options.by_level)
    for (Record& record : records) record.behavior = "level_" + std::to_string(record.level);
  return records;
}

void generate(GeneratorOptions const& options, Taxonomy const& taxonomy,
              std::function<void(Record const&)> const& take) {
  for (std::int64_t number = 0; number < options.cases; ++number)
    for (auto const& record : records_of(options, taxonomy, number)) take(record);
}

}  // namespace bsft
