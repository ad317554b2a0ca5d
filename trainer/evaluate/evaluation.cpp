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
  settings.part = request.part;
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

namespace {

// What a request names, opened and checked.
struct Opened {
  explicit Opened(EvaluationRequest const& request) : reader(request.data) {
    reader.require_certificate();
    for (std::string const& suite : request.suites) SuiteView(reader, {}, suite);  // refuses an unknown one at once
    records = records_to_score(reader, request);
    left_out = leave_out_damaged(reader, request, records);
  }
  StoreReader reader;
  std::vector<std::int64_t> records;
  LeftOut left_out;
};

std::vector<ScoredRecord> score(EvaluationRequest const& request, Opened const& opened) {
  StoreReader const& reader = opened.reader;
  ModelFolder const model(request.model, reader, request.template_family, request.seed);
  ScoringSettings const settings = scoring_settings(request, reader.catalog());
  auto const position =
      request.position == "before_prompt" ? BehaviorPosition::before_prompt : BehaviorPosition::before_response;
  PromptSource const prompts = request.arm == "instruction" ? instructed_prompts(reader, model.chat_template())
                                                            : stored_prompts(reader, position);
  auto const tell = [&](std::size_t done) {
    if (request.tell) request.tell(done, opened.records.size());
  };
  if (request.mode != "generation")
    return Scorer(model.decoder(), reader, prompts, settings).score(opened.records, tell);
  return Responder(model.decoder(), model.tokenizer(), reader, prompts, settings, answer_settings(request, model))
      .score(opened.records, tell);
}

bool fits(Outcome const& outcome, std::size_t labels) {
  if (outcome.answer) return outcome.answer->label >= -1 && outcome.answer->label < static_cast<std::int64_t>(labels);
  return (outcome.sum.empty() || outcome.sum.size() == labels) && outcome.average.size() == outcome.sum.size();
}

// The file may be anybody's.
void require_fit(StoreReader const& reader, ScoredRecord const& record) {
  Catalog const& catalog = reader.catalog();
  std::size_t const behaviors = catalog.behaviors.tokens.size();
  auto const task = index(reader.records()[static_cast<std::size_t>(record.record)].task);
  std::size_t const labels = catalog.tasks[static_cast<std::size_t>(task)].labels.size();
  bool all = fits(record.plain, labels) && record.forced.size() == behaviors &&
             (record.behavior.empty() || record.behavior.size() == behaviors);
  for (Outcome const& outcome : record.forced) all = all && fits(outcome, labels);
  if (!all)
    throw Broken("--scored",
                 "record " + std::to_string(record.record) + " has other labels or behaviours than the data");
}

std::vector<ScoredRecord> put_together(EvaluationRequest const& request, Opened const& opened) {
  std::vector<std::int64_t> const& records = opened.records;
  std::vector<ScoredRecord> scored;
  for (std::filesystem::path const& file : request.scored) {
    for (ScoredRecord& record : read_scored(file)) scored.push_back(std::move(record));
  }
  auto const number = [](ScoredRecord const& record) { return record.record; };
  std::sort(scored.begin(), scored.end(), [&](auto const& a, auto const& b) { return number(a) < number(b); });
  if (!std::equal(scored.begin(), scored.end(), records.begin(), records.end(),
                  [&](ScoredRecord const& one, std::int64_t record) { return number(one) == record; }))
    throw Invalid(Exit::usage, "--scored",
                  "the files hold " + std::to_string(scored.size()) + " records, and not the " +
                      std::to_string(records.size()) + " that are asked for, each once",
                  "name every part, scored with these very options");
  for (ScoredRecord const& record : scored) require_fit(opened.reader, record);
  return scored;
}

}  // namespace

void score_part(EvaluationRequest const& request, std::filesystem::path const& file) {
  write_scored(file, score(request, Opened(request)));
}

OrderedJson evaluate(EvaluationRequest const& request) {
  Opened const opened(request);
  StoreReader const& reader = opened.reader;
  std::vector<ScoredRecord> const scored =
      request.scored.empty() ? score(request, opened) : put_together(request, opened);

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
  if (LeftOut const& out = opened.left_out; !out.chunks.empty())
    results["left_out"] = {{"damaged_chunks", out.chunks.size()}, {"records", out.records}};
  results["data_digest"] = reader.catalog().data_digest;
  results["model_digest"] = model_digest(request.model);
  if (!request.records_out.empty())
    write_predictions(request.records_out, reader, scored, request.conditions, results["headline"]);
  return results;
}

}  // namespace bsft
