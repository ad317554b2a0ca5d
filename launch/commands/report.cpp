// bsft report: one HTML page about one or more runs, or its headline as text.
#include <iostream>

#include "data/base/file.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/evaluate/comparison.hpp"
#include "trainer/report/report_page.hpp"

namespace bsft {
namespace {

// Several runs side by side; null, with a line that says why, where they cannot be compared.
OrderedJson comparison_of(std::vector<std::filesystem::path> const& runs, std::string const& suite) {
  if (runs.size() < 2) return nullptr;
  try {
    ComparisonRequest request;
    request.arms = arms_of_runs(runs);
    request.suite = suite;
    return compare_arms(request);
  } catch (Error const& error) {
    std::cerr << "bsft: the runs are shown apart: " << error.what() << std::endl;
    return nullptr;
  }
}

int run(Arguments const& arguments) {
  std::vector<std::filesystem::path> const runs(arguments.positional.begin(), arguments.positional.end());
  std::string const format = choice("format", arguments.text("format"), {"html", "markdown", "terminal"});
  std::filesystem::path out = arguments.text("out");
  OrderedJson const comparison = comparison_of(runs, arguments.text("suite"));
  if (format != "html") {
    std::string const text =
        report_text(runs, format == "markdown" ? TableStyle::markdown : TableStyle::terminal, comparison);
    if (out.empty())
      std::cout << text << std::flush;
    else
      write_atomically(out, text);
    return 0;
  }
  if (out.empty()) out = runs.at(0) / "report.html";
  write_report(runs, out, comparison, static_cast<std::size_t>(at_least(arguments, "samples", 0)));
  std::cout << out.string() << std::endl;
  return 0;
}

}  // namespace

Command report_command() {
  return {"report",
          "Judge",
          "write one self-contained HTML page: results with intervals, steering, calibration, training, provenance",
          "RUN_DIR…",
          {{"format", "FORMAT", "html, or the headline table alone as markdown or for the terminal", "html"},
           {"suite", "SUITE", "several runs are compared on this suite, seeds of one configuration as one arm", "full"},
           {"samples", "N", "of the worst errors and of the twins gone wrong, with their words; 0: no words of records",
            std::to_string(default_samples)},
           {"out", "FILE", "default: report.html in the first run's folder; text goes to standard output"}},
          {"bsft report runs/quickstart", "bsft report runs/* --out report.html",
           "bsft report runs/quickstart --format markdown", "bsft report runs/confidential --samples 0"},
          run};
}

}  // namespace bsft
