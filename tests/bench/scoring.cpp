// Our scoring for tests/bench/scoring.py, which asks on standard input and times other implementations in between.
//   bench_scoring MODEL DATA.h5 THREADS
//     draw SUITE N      {"records": […]}  of all splits, whole cases by the evaluator's draw; N 0: all
//     describe          {"behaviors": [{"id", "description": [tokens]}…], "learned": bool}
//     ask R…            {"records": [{"prompt": [tokens], "labels": [[tokens]…], "case"}…]}
//     score R…          {"seconds", "log_p": [record][condition][label]}   conditions: none, then each behaviour
// A line of JSON each.  Conditions and passes are those of `bsft evaluate`; seconds are those of Scorer::score alone.
#include <ATen/Parallel.h>

#include <chrono>
#include <iostream>
#include <sstream>

#include "data/base/error.hpp"
#include "data/base/json.hpp"
#include "trainer/evaluate/evaluation.hpp"
#include "trainer/evaluate/model_folder.hpp"
#include "trainer/evaluate/scoring.hpp"

namespace {

using namespace bsft;

OrderedJson draw(StoreReader const& reader, std::string const& suite, std::int64_t count) {
  EvaluationRequest request;
  request.suites = {suite};
  OrderedJson records = OrderedJson::array();
  for (Split const split : {Split::test, Split::dev, Split::train}) {
    request.split = split;
    request.max_records = count == 0 ? 0 : count - static_cast<std::int64_t>(records.size());
    if (request.max_records < 0 || (count > 0 && request.max_records == 0)) break;
    try {
      for (std::int64_t const record : records_to_score(reader, request)) records.push_back(record);
    } catch (Invalid const&) {  // a split without such records
    }
  }
  return {{"records", records}};
}

OrderedJson describe(ModelFolder const& model) {
  OrderedJson behaviors = OrderedJson::array();
  for (BehaviorToken const& behavior : model.behaviors().tokens)
    behaviors.push_back(
        {{"id", behavior.id}, {"description", model.tokenizer().encode(behavior.description, Specials::as_text)}});
  return {{"behaviors", behaviors}, {"learned", model.learned()}};
}

OrderedJson ask(StoreReader const& reader, PromptSource const& prompts, std::vector<std::int64_t> const& records) {
  OrderedJson result = OrderedJson::array();
  for (std::int64_t const record : records) {
    RecordInfo const& info = reader.records().at(static_cast<std::size_t>(record));
    result.push_back({{"prompt", prompts(record, std::nullopt)},
                      {"labels", reader.catalog().tasks.at(static_cast<std::size_t>(index(info.task))).label_tokens},
                      {"case", info.case_index}});
  }
  return {{"records", result}};
}

OrderedJson score(Scorer const& scorer, std::vector<std::int64_t> const& records) {
  auto const start = std::chrono::steady_clock::now();
  std::vector<ScoredRecord> const scored = scorer.score(records);
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  OrderedJson log_p = OrderedJson::array();
  for (ScoredRecord const& record : scored) {
    OrderedJson conditions = {record.plain.sum};
    for (Outcome const& outcome : record.forced) conditions.push_back(outcome.sum);
    log_p.push_back(std::move(conditions));
  }
  return {{"seconds", seconds}, {"log_p", log_p}};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return std::cerr << "usage: bench_scoring MODEL DATA.h5 THREADS\n", 64;
  at::set_num_threads(std::stoi(arguments[3]));
  StoreReader const reader(arguments[2]);
  ModelFolder const model(arguments[1], reader, "auto", 1);
  PromptSource const prompts = stored_prompts(reader, BehaviorPosition::before_response);
  Scorer const scorer(model.decoder(), reader, prompts, {});
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb, suite;
    words >> verb;
    if (verb == "draw") words >> suite;
    std::vector<std::int64_t> numbers;
    for (std::int64_t number = 0; words >> number;) numbers.push_back(number);
    std::cout << (verb == "draw"       ? draw(reader, suite, numbers.at(0))
                  : verb == "describe" ? describe(model)
                  : verb == "ask"      ? ask(reader, prompts, numbers)
                                       : score(scorer, numbers))
                     .dump()
              << std::endl;
  }
}
