// bsft data inspect: what a model is taught, token by token: prompt dim, behaviour token marked, the rest by weight.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "data/base/error.hpp"
#include "data/base/terminal.hpp"
#include "data/store/reader.hpp"
#include "launch/commands/commands.hpp"

namespace bsft {
namespace {

enum class Style { color, plain };

constexpr auto legend_plain =
    "weight 0: as it is   weight 1: [token]   other weights: [token:weight]   behaviour token: {token}\n";
constexpr auto dim = "\x1b[2m", green = "\x1b[32m", yellow = "\x1b[33m", marked = "\x1b[1;7;35m", off = "\x1b[0m";

std::string plain_token(std::string const& bytes, float weight, bool behavior) {
  if (!behavior && weight == 0) return bytes;
  auto const text = printable(bytes, Newlines::escape);
  if (behavior) return "{" + text + "}";
  if (weight == 1) return "[" + text + "]";
  char number[24];
  std::snprintf(number, sizeof number, ":%g]", static_cast<double>(weight));
  return "[" + text + number;
}

char const* color_of(float weight, bool behavior) {
  return behavior ? marked : weight == 0 ? dim : weight == 1 ? green : yellow;
}

// Bytes of one colour are joined before they are made printable: a character may be several tokens.
std::string tokens_text(StoreReader const& reader, RecordInfo const& info, StoredTokens const& row, Style style) {
  std::string out, run;
  char const* color = nullptr;
  auto const flush = [&] {
    if (run.empty()) return;
    auto const text = printable(run, Newlines::keep);
    out += style == Style::color ? color + text + off : text;
    run.clear();
  };
  for (std::int32_t i = 0; i < info.length; ++i) {
    bool const behavior = i >= info.prompt_end && i < info.behavior_end;
    auto const bytes = reader.bytes_of({&row.tokens[i], 1});
    char const* const next = style == Style::color              ? color_of(row.weights[i], behavior)
                             : row.weights[i] == 0 && !behavior ? dim
                                                                : green;
    if (next != color) flush();
    color = next;
    run += style == Style::color ? bytes : plain_token(bytes, row.weights[i], behavior);
  }
  flush();
  return out;
}

std::string headline(StoreReader const& reader, std::int64_t number) {
  auto const& info = reader.records()[number];
  auto const& catalog = reader.catalog();
  auto const record = parse_record(reader.text(number), "record " + std::to_string(number));
  std::string line = "record " + std::to_string(number) + "  " + record.id + "  case " + record.case_id;
  if (!record.twin_id.empty()) line += "  twin " + record.twin_id;
  line += "  task " + record.task + "  group " + record.group + "  behaviour " +
          catalog.behaviors.tokens[index(info.behavior)].name + "  level " + std::to_string(record.level) + "  split " +
          std::string(name_of(record.split));
  if (!record.label.empty()) line += "  label " + record.label;
  return printable(line, Newlines::escape) + "  tokens " + std::to_string(info.length) + " (prompt " +
         std::to_string(info.prompt_end) + ", answer " + std::to_string(info.response_end - info.behavior_end) + ")";
}

// Records that the options ask for.
std::vector<std::int64_t> chosen(StoreReader const& reader, Arguments const& arguments) {
  auto const split = arguments.text("split"), task = arguments.text("task");
  if (!split.empty() && split != "train" && split != "dev" && split != "test")
    throw Invalid(Exit::usage, "--split " + split, "not a split", "use train, dev or test");
  std::vector<std::string> tasks;
  for (auto const& known : reader.catalog().tasks) tasks.push_back(known.name);
  if (!task.empty() && std::find(tasks.begin(), tasks.end(), task) == tasks.end()) {
    auto const near = nearest(task, tasks);
    throw Invalid(Exit::usage, "--task " + task, "not a task of this file",
                  near.empty() ? "" : "did you mean " + near + "?");
  }
  auto const count = arguments.integer("count");
  if (count < 1) throw Invalid(Exit::usage, "--count " + arguments.text("count"), "less than 1");
  std::vector<std::int64_t> out;
  auto const& records = reader.records();
  for (std::size_t i = 0; i < records.size() && static_cast<std::int64_t>(out.size()) < count; ++i)
    if ((split.empty() || split == name_of(records[i].split)) &&
        (task.empty() || task == tasks[index(records[i].task)]))
      out.push_back(static_cast<std::int64_t>(i));
  return out;
}

int run(Arguments const& arguments) {
  auto const style = wants_color(arguments.text("color"), STDOUT_FILENO) ? Style::color : Style::plain;
  StoreReader const reader(arguments.positional.at(0));
  auto const numbers = chosen(reader, arguments);
  if (numbers.empty()) throw Invalid(Exit::data, arguments.positional[0], "no such records", "see bsft data audit");
  std::cout << (style == Style::color
                    ? std::string(dim) + "weight 0" + off + "  " + green + "weight 1" + off + "  " + yellow +
                          "other weights" + off + "  " + marked + "behaviour token" + off + "\n"
                    : legend_plain);
  for (auto const number : numbers)
    std::cout << '\n'
              << headline(reader, number) << '\n'
              << tokens_text(reader, reader.records()[number], reader.read(number), style) << '\n';
  std::cout.flush();
  return static_cast<int>(Exit::done);
}

}  // namespace

Command data_inspect_command() {
  return {"data inspect",
          "Prepare",
          "show tokens coloured by weight, the behaviour token marked",
          "FILE.h5",
          {{"split", "train|dev|test", "only this split", "", false, false},
           {"task", "NAME", "only this task", "", false, false},
           {"count", "N", "how many records", "3", false, false},
           {"color", "auto|always|never", "auto: on a terminal", "auto", false, false}},
          {"bsft data inspect runs/behaviorbench.h5 --split test --count 1"},
          run};
}

}  // namespace bsft
