// A BehaviorBench record, and its JSON-lines form.
//
//   {"id","case_id","twin_id"?,"task","group","behavior","level":0..5,"turns":[{"role","speaker"?,"content"}],
//    "response","label"?,"labels"?,"action"?:"answer|intervene|restrain","split":"train|dev|test","source","suites"?}
// "image" or "images" that is not empty: the record cannot be read as text alone, and is not taken (needs_image).
// "prompt" in place of "turns" is one user turn.  Other keys are kept out, not refused (licence and the like).
// Errors: Findings(data) with every bad line as file:line, at most 20 of them and the count of the rest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bsft {

enum class Split : std::uint8_t { train, dev, test };
std::string_view name_of(Split split);

struct Turn {
  std::string role;     // system, user or assistant
  std::string speaker;  // may be empty; shown as "speaker: content"
  std::string content;
  std::string text() const { return speaker.empty() ? content : speaker + ": " + content; }
};

struct Record {
  std::string id, case_id, twin_id, task, group, behavior;
  int level = 0;
  std::vector<Turn> turns;
  std::string response, label;
  std::vector<std::string> labels;  // the task's closed label set, in declared order
  std::string action;               // answer, intervene, restrain or empty
  Split split = Split::train;
  std::string source;
  std::vector<std::string> suites;  // empty: "full"
  bool needs_image = false;         // not part of the record
  std::int64_t line = 0;            // of the file it was read from, 0: none; not part of the record
};

Record parse_record(std::string_view line, std::string_view where);
std::string to_json_line(Record const& record);
std::vector<Record> read_records(std::filesystem::path const& file);

}  // namespace bsft
