// The sections of a run's part of the page, each from the run's files to HTML.
//
// A section of which the files say nothing says so in a line.  Detail bounds the size of the page.  Errors: Broken
// where a results file has another shape (part.hpp).
#pragma once

#include <string>
#include <string_view>

#include "trainer/report/page/part.hpp"
#include "trainer/report/page/run_files.hpp"
#include "trainer/report/table.hpp"

namespace bsft::page {

struct Detail {
  std::size_t points = 300, columns = 40, samples = 10, config_bytes = std::size_t{64} << 10;
  bool numbers = true;  // the JSON block
};

Part results_of(RunFiles const& run);
// The condition that the headline is of.
std::string headline_of(RunFiles const& run);
// The suites of the results that were scored.
std::vector<std::pair<std::string, Part>> scored_suites(RunFiles const& run);
// A suite's scores before training: the untouched model without a token, else its headline.
Part before_of(RunFiles const& run, std::string const& suite);

std::string note(std::string_view words);  // a paragraph in grey
std::string section(std::string_view title, std::string_view lead, std::string const& body);
std::string scrolling(std::string const& table);  // a table that scrolls by itself where it is wider than the page
std::string folded(std::string_view title, std::string const& body);

std::string headline_section(RunFiles const& run);
std::string tasks_section(RunFiles const& run);
std::string checkpoints_section(RunFiles const& run, Detail const& detail);
std::string steering_section(RunFiles const& run);
std::string dial_section(RunFiles const& run);  // cost, reliability, confusion
std::string training_section(RunFiles const& run, Detail const& detail);
std::string memory_section(RunFiles const& run);  // planned and measured
std::string data_section(RunFiles const& run, Detail const& detail);
// Which labels are taken for which, and the worst errors.
std::string errors_section(RunFiles const& run, Detail const& detail);
std::string twins_section(RunFiles const& run, Detail const& detail);
std::string provenance_section(RunFiles const& run, Detail const& detail);
// Of several: their table, and their curves in one picture each.
std::string runs_section(std::vector<RunFiles> const& runs, Detail const& detail);
std::string comparison_section(OrderedJson const& comparison);
// The numbers as data for programs, in an element that is not executed.
std::string numbers_block(std::vector<RunFiles> const& runs, OrderedJson const& comparison);

}  // namespace bsft::page
