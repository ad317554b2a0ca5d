// bsft evaluate: score a model folder on a data file, print the tables, write the numbers.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "launch/attached_evaluation.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/evaluate/evaluation.hpp"
#include "trainer/report/results_table.hpp"

namespace bsft {
namespace {

Split split_of(std::string const& name) {
  choice("split", name, {"train", "dev", "test"});
  return name == "train" ? Split::train : name == "dev" ? Split::dev : Split::test;
}

std::vector<Condition> conditions_of(std::vector<std::string> const& names) {
  std::vector<Condition> conditions;
  for (Condition const condition : {Condition::self, Condition::right, Condition::wrong, Condition::none}) {
    for (std::string const& name : names) {
      if (name == "all" || condition_of(name) == condition) {
        conditions.push_back(condition);
        break;
      }
    }
  }
  return conditions;
}

EvaluationRequest request_of(Arguments const& arguments) {
  EvaluationRequest request;
  request.model = arguments.text("model");
  request.data = arguments.text("data");
  request.records_out = arguments.text("records-out");
  request.split = split_of(arguments.text("split"));
  request.suites = arguments.list("suite");
  request.conditions = conditions_of(arguments.list("condition"));
  request.mode = choice("mode", arguments.text("mode"), {"likelihood", "generation"});
  request.answer_tokens = at_least(arguments, "answer-tokens", 0);
  request.arm = choice("arm", arguments.text("arm"), {"behavior", "sft", "zero_shot", "instruction"});
  request.position = choice("position", arguments.text("position"), {"before_response", "before_prompt"});
  request.template_family = arguments.text("template");
  request.behaviors = arguments.list("behavior");
  request.given = choice("selection", arguments.text("selection"), {"self", "given"}) == "given";
  request.max_records = at_least(arguments, "max-records", 0);
  request.draws = at_least(arguments, "draws", 0);
  request.missed_cost = real_at_least(arguments, "missed-cost", 0);
  request.skip_corrupt = at_least(arguments, "skip-corrupt", 0);
  request.max_tokens = at_least(arguments, "max-tokens", 1);
  request.seed = static_cast<std::uint64_t>(at_least(arguments, "seed", 0));
  return request;
}

// "K/N", the K-th of N.
Part part_of(std::string const& text) {
  long long number = 0, of = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%lld/%lld%n", &number, &of, &end) != 2 ||
      static_cast<std::size_t>(end) != text.size() || number < 1 || number > of)
    throw Invalid(Exit::usage, "--part " + text, "it is K/N, the K-th of N parts", "as in --part 1/4");
  return {number - 1, of};
}

int score_part(Arguments const& arguments, EvaluationRequest& request) {
  request.part = part_of(arguments.text("part"));
  if (!arguments.has("scored-out"))
    throw Invalid(Exit::usage, "--part", "--scored-out is missing", "name the file that takes this part's scores");
  score_part(request, arguments.text("scored-out"));
  return static_cast<int>(Exit::done);
}

// In place of a model and a data file.
int attach(Arguments const& arguments) {
  for (std::string const& name : arguments.typed) {
    if (name != "attach" && name != "watch")
      throw Invalid(Exit::usage, "--" + name + " with --attach", "the run's config.yaml says how it is scored",
                    "leave one of them out");
  }
  return evaluate_attached(arguments.text("attach"), arguments.has("watch") ? Follow::yes : Follow::no);
}

int run(Arguments const& arguments) {
  leave_with_supervisor();
  if (arguments.has("attach")) return attach(arguments);
  for (char const* name : {"model", "data"}) {
    if (!arguments.has(name))
      throw Invalid(Exit::usage, "bsft evaluate", std::string("--") + name + " is missing",
                    "name a model and a data file, or a run with --attach RUN_DIR");
  }
  if (arguments.has("watch"))
    throw Invalid(Exit::usage, "--watch without --attach", "there is no run to follow", "add --attach RUN_DIR");
  EvaluationRequest request = request_of(arguments);
  if (::isatty(STDERR_FILENO) != 0) {
    request.tell = [](std::size_t done, std::size_t all) {
      std::cerr << "\rscored " << done << " of " << all << " records" << (done == all ? "\n" : "") << std::flush;
    };
  }
  use_machine(arguments);
  if (arguments.has("part")) return score_part(arguments, request);
  for (std::string const& file : arguments.list("scored")) request.scored.emplace_back(file);
  OrderedJson const results = evaluate(request);
  std::string const text = results.dump(1) + "\n";
  if (!arguments.text("out").empty()) write_atomically(arguments.text("out"), text);
  std::cout << (arguments.has("json") ? text : results_text(results, TableStyle::terminal)) << std::flush;
  return static_cast<int>(Exit::done);
}

}  // namespace

Command evaluate_command() {
  return {
      "evaluate",
      "Judge",
      "score a model by label log-likelihood or by its answers, under every condition; macro-F1 by task",
      "",
      {{"model", "DIR", "a Hugging Face folder: a checkpoint of ours, or a model that was not trained"},
       {"data", "FILE.h5", "what bsft data build made for this model"},
       {"attach", "RUN_DIR", "score what this run has left unscored, and complete its results.json; beside it, too"},
       {"watch", "", "with --attach: go on until the job that trains has ended"},
       {"split", "SPLIT", "train, dev or test", "test"},
       {"suite", "SUITE", "of these suites only; repeat for several (default: all of the file)", "", false, true},
       {"condition", "CONDITION", "self, right, wrong, none or all; repeat for several", "all", false, true},
       {"mode", "MODE", "likelihood (the likeliest label) or generation (the label it answers with)", "likelihood"},
       {"answer-tokens", "N", "generation: tokens of an answer for --records-out; 0: up to its label", "0"},
       {"arm", "ARM", "behavior, sft (no token), zero_shot (the same) or instruction (in words)", "behavior"},
       {"behavior", "NAME", "as behavior.set: behaviours that have a token; repeat for several (default: all)", "",
        false, true},
       {"position", "WHERE", "as behavior.position: before_response or before_prompt", "before_response"},
       {"selection", "HOW", "as behavior.selection: self or given; says which condition is the headline", "self"},
       {"template", "FAMILY", "as model.template", "auto"},
       {"max-records", "N", "whole cases, drawn by the seed, until there are so many records; 0: all", "0"},
       {"draws", "N", "of the bootstrap behind each interval", "10000"},
       {"missed-cost", "X", "as evaluate.missed_cost: a missed need, where an over-intervention costs 1", "1"},
       {"skip-corrupt", "N", "as data.skip_corrupt: damaged chunks whose records may be left out", "0"},
       {"max-tokens", "N", "unique tokens a pass", "4096"},
       {"seed", "N", "of the bootstrap and the draw", "1"},
       {"threads", "N", "0: as libtorch chooses", "0"},
       {"kernels", "PATH", "fused or reference", "fused"},
       {"out", "FILE.json", "where the numbers go"},
       {"records-out", "FILE.jsonl", "a line a record: each condition's log-likelihoods, or answer"},
       {"part", "K/N", "score every N-th pass from the K-th alone, into --scored-out: several share an evaluation"},
       {"scored-out", "FILE", "where a part's scores go"},
       {"scored", "FILE", "put parts together instead of scoring; repeat for each: the bits of one evaluation", "",
        false, true},
       {"json", "", "print the numbers instead of the tables"}},
      {"bsft evaluate --model runs/quickstart/checkpoints/step-00000400 --data runs/data/quickstart.h5 --out "
       "results.json",
       "bsft evaluate --attach runs/quickstart",
       "bsft evaluate --model .cache/smollm2-135m --data FILE.h5 --arm zero_shot --split dev"},
      run};
}

}  // namespace bsft
