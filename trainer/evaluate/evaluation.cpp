#include "trainer/evaluate/evaluation.hpp"

#include <algorithm>
#include <map>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/tokenizer/tokenizer.hpp"
#include "trainer/evaluate/instruction.hpp"
#include "trainer/evaluate/model_folder.hpp"
#include "trainer/evaluate/predictions.hpp"
#include "trainer/evaluate/responder.hpp"
#include "trainer/evaluate/scoring.hpp"
#include "trainer/evaluate/suite_results.hpp"

namespace bsft {
namespace {

std::uint32_t suite_bits(Catalog const& catalog, std::vector<std::string> const& suites) {
  if (suites.empty()) return ~std::uint32_t{0};
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < catalog.suites.size(); ++i) {
    if (std::find(suites.begin(), suites.end(), catalog.suites[i]) != suites.end()) bits |= std::uint32_t{1} << i;
  }
  return bits;
}

bool asks(EvaluationRequest const& request, Condition condition) {
  return std::find(request.conditions.begin(), request.conditions.end(), condition) != request.conditions.end();
}

ScoringSettings scoring_settings(EvaluationRequest const& request, Catalog const& catalog) {
  bool const tokens = request.arm == "behavior";
  ScoringSettings settings;
  settings.max_tokens = request.max_tokens;
  settings.uses = behaviors_in_use(request.behaviors, catalog.behaviors);
  bool const any = std::any_of(settings.uses.begin(), settings.uses.end(), [](char use) { return use != 0; });
  bool const forces =
      asks(request, Condition::self) || asks(request, Condition::right) || asks(request, Condition::wrong);
  if (!(tokens || request.arm == "instruction") || !forces) std::fill(settings.uses.begin(), settings.uses.end(), 0);
  settings.selects = tokens && any && asks(request, Condition::self) && request.position == "before_response";
  // Records whose behaviour carries no token are scored without one.
  bool const all = std::all_of(settings.uses.begin(), settings.uses.end(), [](char use) { return use != 0; });
  settings.plain = asks(request, Condition::none) || !all;
  return settings;
}

AnswerSettings answer_settings(EvaluationRequest const& request, ModelFolder const& model) {
  AnswerSettings settings;
  settings.ends = model.answer_ends();
  settings.answer_tokens = request.answer_tokens;
  settings.only_selected = !asks(request, Condition::right) && !asks(request, Condition::wrong);
  return settings;
}

}  // namespace

std::vector<std::int64_t> records_to_score(StoreReader const& reader, EvaluationRequest const& request) {
  std::uint32_t const bits = suite_bits(reader.catalog(), request.suites);
  auto const& records = reader.records();
  std::map<std::int64_t, std::vector<std::int64_t>> by_case;
  std::size_t count = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].split != request.split || (records[i].suites & bits) == 0) continue;
    by_case[records[i].case_index].push_back(static_cast<std::int64_t>(i));
    ++count;
  }
  if (count == 0) {
    std::string suites;
    for (auto const& suite : request.suites) suites += (suites.empty() ? " of suite " : ", ") + suite;
    throw Invalid(
        Exit::data, "no record to score",
        "split " + std::string(name_of(request.split)) + suites + " of " + request.data.string() + " is empty",
        "see bsft data audit for what the file holds");
  }
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;
  for (auto const& [number, _] : by_case)
    order.emplace_back(mix(request.seed, 0xca5e, static_cast<std::uint64_t>(number)), number);
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> chosen;
  for (auto const& [_, number] : order) {
    if (request.max_records > 0 && static_cast<std::int64_t>(chosen.size()) >= request.max_records) break;
    auto const& members = by_case[number];
    chosen.insert(chosen.end(), members.begin(), members.end());
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

namespace {

struct LeftOut {
  std::vector<ChunkDamage> chunks;
  std::size_t records = 0;
};

// Leaves out of `records` what damaged chunks hold, where so many chunks may be damaged.
LeftOut leave_out_damaged(StoreReader const& reader, EvaluationRequest const& request,
                          std::vector<std::int64_t>& records) {
  LeftOut out;
  if (request.skip_corrupt == 0) return out;
  bool const reads_text = request.arm == "instruction" || !request.records_out.empty();
  out.chunks = reader.damage(reads_text ? Rows::tokens_and_text : Rows::tokens);
  if (static_cast<std::int64_t>(out.chunks.size()) > request.skip_corrupt)
    throw Broken(request.data.string() + ": " + std::to_string(out.chunks.size()) + " damaged chunks, " +
                     std::to_string(request.skip_corrupt) + " may be left out",
                 "the first: " + out.chunks.front().line);
  out.records = std::erase_if(records, [&](std::int64_t record) { return lies_in(out.chunks, record); });
  if (records.empty()) throw Broken(request.data.string(), "every record to score lies in a damaged chunk");
  return out;
}

}  // namespace

std::string model_digest(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::directory_iterator(folder)) {
    std::string const name = entry.path().filename().string();
    if (name.rfind("model", 0) == 0 && entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Digest digest;
  for (auto const& file : files) digest.add(file.filename().string()).add(MappedFile(file).bytes());
  return digest.hex();
}

OrderedJson evaluate(EvaluationRequest const& request) {
  StoreReader const reader(request.data);
  reader.require_certificate();
  Catalog const& catalog = reader.catalog();
  for (std::string const& suite : request.suites) SuiteView(reader, {}, suite);  // refuses an unknown one at once
  std::vector<std::int64_t> records = records_to_score(reader, request);
  LeftOut const left_out = leave_out_damaged(reader, request, records);
  ModelFolder const model(request.model, reader, request.template_family, request.seed);
  ScoringSettings const settings = scoring_settings(request, catalog);
  auto const position =
      request.position == "before_prompt" ? BehaviorPosition::before_prompt : BehaviorPosition::before_response;
  PromptSource const prompts = request.arm == "instruction" ? instructed_prompts(reader, model.chat_template())
                                                            : stored_prompts(reader, position);
  auto const tell = [&](std::size_t done) {
    if (request.tell) request.tell(done, records.size());
  };
  std::vector<ScoredRecord> const scored =
      request.mode == "generation"
          ? Responder(model.decoder(), model.tokenizer(), reader, prompts, settings, answer_settings(request, model))
                .score(records, tell)
          : Scorer(model.decoder(), reader, prompts, settings).score(records, tell);

  ResultSettings result;
  result.split = request.split;
  result.suites = request.suites;
  result.conditions = request.conditions;
  result.given = request.given || request.position == "before_prompt" || request.arm == "instruction";
  result.bootstrap = {request.draws, request.seed};
  result.missed_cost = request.missed_cost;
  OrderedJson results = results_of(reader, scored, result);
  results["mode"] = request.mode;
  results["arm"] = request.arm;
  if (!left_out.chunks.empty())
    results["left_out"] = {{"damaged_chunks", left_out.chunks.size()}, {"records", left_out.records}};
  results["data_digest"] = catalog.data_digest;
  results["model_digest"] = model_digest(request.model);
  if (!request.records_out.empty())
    write_predictions(request.records_out, reader, scored, request.conditions, results["headline"]);
  return results;
}

}  // namespace bsft
