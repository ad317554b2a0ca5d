// A small file's content made by hand, without a tokenizer: what is written is known to the last token.
#pragma once

#include <functional>
#include <string>

#include "data/store/audit.hpp"
#include "data/store/encoder.hpp"
#include "data/store/writer.hpp"

namespace bsft {

struct Sample {
  Record record;
  EncodedRecord encoded;
};

constexpr TokenId sample_end = 2, sample_reactive = 100, sample_proactive = 101;

inline std::string sample_bytes(TokenId id) {
  switch (id) {
    case sample_end:
      return "<|im_end|>";
    case 10:
      return "FLAG";
    case 11:
      return "PROCEED";
    case 20:
      return ":";
    case 21:
      return " dose";
    case sample_reactive:
      return "<|reactive|>";
    case sample_proactive:
      return "<|proactive|>";
    default:
      return " w" + std::to_string(id);
  }
}

inline std::string sample_text(std::span<TokenId const> ids) {
  std::string out;
  for (auto const id : ids) out += sample_bytes(id);
  return out;
}

inline Catalog sample_catalog() {
  Catalog catalog;
  catalog.tasks = {{"dose", "proactive", {"FLAG", "PROCEED"}, {{10}, {11}}}, {"note", "reactive", {}, {}}};
  catalog.groups = {"proactive", "reactive"};
  catalog.suites = {"full", "hard"};
  catalog.behaviors.tokens = {{"reactive", "<|reactive|>", "answers", sample_reactive},
                              {"proactive", "<|proactive|>", "speaks up", sample_proactive}};
  catalog.end_token = sample_end;
  catalog.tokenizer_digest = "t";
  catalog.template_digest = "c";
  catalog.behavior_digest = catalog.behaviors.digest();
  catalog.converter_digest = "v";
  catalog.template_name = "chatml";
  catalog.max_length = 64;
  return catalog;
}

// Three records a case, two of them twins; cases take the splits in turn.
inline Sample sample(int number) {
  Sample out;
  auto& [record, encoded] = out;
  int const home = number / 3;
  bool const labelled = number % 3 != 2, flagged = number % 3 == 0;
  record.id = "r" + std::to_string(number);
  record.case_id = "case " + std::to_string(home);
  if (labelled) record.twin_id = "twin " + std::to_string(home);
  record.task = labelled ? "dose" : "note";
  record.group = record.behavior = labelled ? "proactive" : "reactive";
  record.level = number % 6;
  record.turns = {{"user", "Nurse", "question " + std::to_string(number)}};
  if (labelled)
    record.label = flagged ? "FLAG" : "PROCEED", record.labels = {"FLAG", "PROCEED"},
    record.action = flagged ? "intervene" : "restrain";
  record.split = static_cast<Split>(home % 3);
  record.source = "sample";
  record.suites = {"full"};
  if (number % 2 == 0) record.suites.push_back("hard");

  auto& [info, row] = encoded;
  for (int k = 0; k < 5 + number % 9; ++k) row.tokens.push_back(30 + (number * 7 + k) % 40);
  info.prompt_end = static_cast<std::int32_t>(row.tokens.size());
  row.tokens.push_back(labelled ? sample_proactive : sample_reactive);
  info.behavior_end = info.prompt_end + 1;
  row.tokens.insert(row.tokens.end(), {flagged ? 10 : 11, 20, 21});
  record.response = std::string(flagged ? "FLAG" : "PROCEED") + ": dose";
  info.response_end = info.behavior_end + 3;
  row.tokens.push_back(sample_end);
  info.length = info.response_end + 1;
  row.weights.assign(row.tokens.size(), 1.0f);
  std::fill_n(row.weights.begin(), info.prompt_end, 0.0f);
  info.task = TaskId{labelled ? 0 : 1};
  info.behavior = BehaviorId{labelled ? 1 : 0};
  info.group = labelled ? 0 : 1;
  info.label = static_cast<std::int16_t>(labelled ? !flagged : -1);
  info.level = static_cast<std::int8_t>(record.level);
  info.action = static_cast<std::uint8_t>(labelled ? flagged ? 2 : 3 : 0);
  info.split = record.split;
  info.suites = number % 2 == 0 ? 3 : 1;
  return out;
}

// Writes `count` records, each through `change` first; the certificate says passed whatever they are.
inline std::string write_sample(std::filesystem::path const& file, int count,
                                std::function<void(int, Sample&)> const& change = {}) {
  StoreWriter writer;
  for (int i = 0; i < count; ++i) {
    auto one = sample(i);
    if (change) change(i, one);
    writer.add(one.encoded, one.record);
  }
  return writer.finish(file, sample_catalog(), sample_bytes,
                       [](std::string const& digest) { return Audit().to_json(digest); });
}

}  // namespace bsft
