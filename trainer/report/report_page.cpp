#include "trainer/report/report_page.hpp"

#include <algorithm>
#include <array>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/report/page/headline.hpp"
#include "trainer/report/page/sections.hpp"
#include "trainer/report/page/style.hpp"

namespace bsft {
namespace {

using page::Detail;
using page::RunFiles;

constexpr std::size_t most_bytes = 1'000'000;

std::vector<RunFiles> read_runs(std::vector<std::filesystem::path> const& folders, std::size_t samples) {
  std::vector<RunFiles> runs;
  for (auto const& folder : folders) runs.push_back(page::read_run(folder, samples));
  return runs;
}

std::string sections_of(RunFiles const& run, Detail const& detail) {
  return page::headline_section(run) + page::tasks_section(run) + page::checkpoints_section(run, detail) +
         page::steering_section(run) + page::dial_section(run) + page::training_section(run, detail) +
         page::memory_section(run) + page::data_section(run, detail) + page::errors_section(run, detail) +
         page::twins_section(run, detail) + page::provenance_section(run, detail);
}

std::string body_of(std::vector<RunFiles> const& runs, OrderedJson const& comparison, Detail const& detail) {
  std::string text = "<h1>BehaviorSFT report</h1>\n";
  if (runs.size() == 1) {
    text += "<h2>" + html_text(runs.front().name) + "</h2>\n" + sections_of(runs.front(), detail);
  } else {
    text += "<h2>" + std::to_string(runs.size()) + " runs</h2>\n" + page::comparison_section(comparison);
    text += page::runs_section(runs, detail);
    for (RunFiles const& run : runs)
      text += "<details class=\"run\"><summary>" + html_text(run.name) + "</summary>\n" + sections_of(run, detail) +
              "</details>\n";
  }
  return text + (detail.numbers ? page::numbers_block(runs, comparison) : "");
}

// The headline alone, for what is too much otherwise.
std::string short_body(std::vector<RunFiles> const& runs, OrderedJson const& comparison) {
  return "<h1>BehaviorSFT report</h1>\n<h2>" + std::to_string(runs.size()) + (runs.size() == 1 ? " run" : " runs") +
         "</h2>\n" +
         page::note("There is too much for a page of 1 MB: make a page for each run, or read results.json.") +
         page::comparison_section(comparison) +
         page::section("All runs", "", page::scrolling(page::headline_table(runs).render(TableStyle::html)));
}

std::string page_of(std::string const& title, std::string const& body) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
         "img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>" +
         html_text(title) + "</title>\n" + std::string(page::page_style) + "</head>\n<body>\n<main>\n" + body +
         "</main>\n</body>\n</html>\n";
}

}  // namespace

std::string report_html(std::vector<std::filesystem::path> const& folders, OrderedJson const& comparison,
                        std::size_t samples) {
  std::vector<RunFiles> const runs = read_runs(folders, samples);
  std::string const title =
      (runs.size() == 1 ? runs.front().name : std::to_string(runs.size()) + " runs") + " · BehaviorSFT report";
  for (Detail detail : {Detail{.samples = samples}, Detail{140, 20, 10, 16384, true}, Detail{60, 10, 3, 4096, true},
                        Detail{30, 6, 1, 1024, false}}) {
    detail.samples = std::min(detail.samples, samples);
    std::string text = page_of(title, body_of(runs, comparison, detail));
    if (text.size() < most_bytes) return text;
  }
  std::string text = page_of(title, short_body(runs, comparison));
  if (text.size() >= most_bytes)
    throw Invalid(Exit::usage, std::to_string(runs.size()) + " runs do not fit on a page of 1 MB",
                  "their headlines alone are longer", "name fewer runs");
  return text;
}

std::string sweep_html(page::SweepPage const& sweep, OrderedJson const& comparison) {
  std::string const head = "<h1>BehaviorSFT sweep</h1>\n<h2>" + html_text(sweep.name) + "</h2>\n";
  std::string text = page_of(sweep.name + " · BehaviorSFT sweep",
                             head + page::comparison_section(comparison) + page::sweep_section(sweep));
  if (text.size() >= most_bytes)
    throw Invalid(Exit::usage, "sweep " + sweep.name + " does not fit on a page of 1 MB", "it has too many runs",
                  "read table.csv");
  return text;
}

void write_report(std::vector<std::filesystem::path> const& runs, std::filesystem::path const& out,
                  OrderedJson const& comparison, std::size_t samples) {
  write_atomically(out, report_html(runs, comparison, samples));
}

std::string report_text(std::vector<std::filesystem::path> const& runs, TableStyle style,
                        OrderedJson const& comparison) {
  return page::headline_text(read_runs(runs, 0), comparison, style);
}

}  // namespace bsft
