// bsft report: one HTML page about one or more runs.
#include <iostream>

#include "launch/commands/commands.hpp"
#include "trainer/report/report_page.hpp"

namespace bsft {
namespace {

int run(Arguments const& arguments) {
  std::vector<std::filesystem::path> const runs(arguments.positional.begin(), arguments.positional.end());
  std::filesystem::path out = arguments.text("out");
  if (out.empty()) out = runs.at(0) / "report.html";
  write_report(runs, out);
  std::cout << out.string() << std::endl;
  return 0;
}

}  // namespace

Command report_command() {
  return {"report",
          "Judge",
          "write one self-contained HTML page: results by task, evaluations and loss over the steps, configuration",
          "RUN_DIR…",
          {{"out", "FILE.html", "default: report.html in the first run's folder"}},
          {"bsft report runs/quickstart", "bsft report runs/* --out report.html"},
          run};
}

}  // namespace bsft
