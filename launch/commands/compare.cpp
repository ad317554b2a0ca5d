// bsft compare: arms that judged the same records, with intervals and paired tests.
#include <iostream>

#include "data/base/file.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/evaluate/comparison.hpp"
#include "trainer/report/page/comparison_table.hpp"

namespace bsft {
namespace {

int run(Arguments const& arguments) {
  ComparisonRequest request;
  request.arms = read_arms(arguments.positional);
  request.suite = arguments.text("suite");
  request.against = arguments.text("against");
  request.condition = arguments.text("condition");
  if (!request.condition.empty()) choice("condition", request.condition, {"self", "right", "wrong", "none"});
  request.bootstrap = {at_least(arguments, "draws", 1), static_cast<std::uint64_t>(at_least(arguments, "seed", 0))};
  std::string const format = choice("format", arguments.text("format"), {"terminal", "markdown", "json"});
  OrderedJson const comparison = compare_arms(request);
  if (!arguments.text("out").empty()) write_atomically(arguments.text("out"), comparison.dump(1) + "\n");
  if (format == "json") {
    std::cout << comparison.dump(1) << std::endl;
    return static_cast<int>(Exit::done);
  }
  std::cout << page::comparison_text(comparison, format == "markdown" ? TableStyle::markdown : TableStyle::terminal)
            << std::flush;
  return static_cast<int>(Exit::done);
}

}  // namespace

Command compare_command() {
  return {"compare",
          "Judge",
          "compare arms on the same records: intervals, paired tests, and whether they can be told apart",
          "ARM…",
          {{"suite", "SUITE", "of this suite", "full"},
           {"against", "ARM", "each arm against this one (default: all pairs)"},
           {"condition", "CONDITION", "self, right, wrong or none (default: each arm's headline)"},
           {"draws", "N", "of the bootstrap", "10000"},
           {"seed", "N", "of the bootstrap", "1"},
           {"format", "FORMAT", "terminal, markdown or json", "terminal"},
           {"out", "FILE.json", "where the numbers go"}},
          {"bsft compare sft=runs/a,runs/b,runs/c selection=runs/d,runs/e,runs/f --against sft",
           "bsft compare runs/before runs/after"},
          run};
}

}  // namespace bsft
