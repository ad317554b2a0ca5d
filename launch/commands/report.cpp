// bsft report: one HTML page about one or more runs, or its headline as text.
#include <iostream>

#include "data/base/file.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/report/report_page.hpp"

namespace bsft {
namespace {

int run(Arguments const& arguments) {
  std::vector<std::filesystem::path> const runs(arguments.positional.begin(), arguments.positional.end());
  std::string const format = choice("format", arguments.text("format"), {"html", "markdown", "terminal"});
  std::filesystem::path out = arguments.text("out");
  if (format != "html") {
    std::string const text = report_text(runs, format == "markdown" ? TableStyle::markdown : TableStyle::terminal);
    if (out.empty())
      std::cout << text << std::flush;
    else
      write_atomically(out, text);
    return 0;
  }
  if (out.empty()) out = runs.at(0) / "report.html";
  write_report(runs, out);
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
           {"out", "FILE", "default: report.html in the first run's folder; text goes to standard output"}},
          {"bsft report runs/quickstart", "bsft report runs/* --out report.html",
           "bsft report runs/quickstart --format markdown"},
          run};
}

}  // namespace bsft
