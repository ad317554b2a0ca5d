// Evaluate one model folder on one data file: load, choose the records, score, count.
//
//   arm          what the model is given                        conditions
//   behavior     behaviour tokens                               self, right, wrong, none (before_prompt: no self)
//   sft          prompts without a token                        none
//   zero_shot    the same, of a model that was not trained      none
//   instruction  the behaviour's description as an instruction  right, wrong, none
// mode likelihood takes the likeliest label (scoring.hpp), mode generation what the model answers (responder.hpp).
// A model that does not carry the behaviour tokens yet gets rows as training would give it (mean embedding of their
// descriptions).  max_records draws whole cases, by the seed alone, until there are that many.
// Errors: Invalid(data) where the file was not made for this model (digests named), or a suite or a split is empty.
// The result is results.hpp's, with mode, arm, data_digest and model_digest; the same input gives the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "data/store/reader.hpp"
#include "trainer/evaluate/condition_prompts.hpp"
#include "trainer/evaluate/results.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

struct EvaluationRequest {
  std::filesystem::path model, data, records_out;  // records_out: predictions.hpp; empty: none
  Split split = Split::test;
  std::vector<std::string> suites;  // empty: all of the file
  std::vector<Condition> conditions{Condition::self, Condition::right, Condition::wrong, Condition::none};
  std::string mode = "likelihood", arm = "behavior", position = "before_response", template_family = "auto";
  std::vector<std::string> behaviors;  // as behavior.set
  bool given = false;                  // behavior.selection: given
  std::int64_t max_records = 0, max_tokens = 4096;
  std::int64_t answer_tokens = 0;  // mode generation: of each answer, at least, for records_out
  double missed_cost = 1;          // of the cost curve: a missed need, where an over-intervention costs 1
  std::int64_t skip_corrupt = 0;   // damaged chunks of the file whose records may be left out: "left_out" counts them
  std::uint64_t seed = 1;
  std::int64_t draws = Bootstrap{}.draws;
  std::function<void(std::size_t done, std::size_t all)> tell;  // after each pass; may be empty
  Part part;                                                    // of score_part
  std::vector<std::filesystem::path> scored;  // all parts, by score_part: put together instead of scored
};

OrderedJson evaluate(EvaluationRequest const& request);

// Scores the request's part of the passes into a file (scored_record.hpp), so that several can share an evaluation.
// The parts put together are the evaluation, bit for bit.
void score_part(EvaluationRequest const& request, std::filesystem::path const& file);

// The records of a split in any of the suites, in file order.
std::vector<std::int64_t> records_to_score(StoreReader const& reader, EvaluationRequest const& request);

// XXH3-128 over the weights (model*.safetensors, by name): names a checkpoint.
std::string model_digest(std::filesystem::path const& folder);

}  // namespace bsft
