// Write one self-contained HTML page about one or more runs: no script runs, nothing is loaded from elsewhere.
//
// The page has the headline with its intervals, the tasks, the checkpoints, steering, cost and reliability, training,
// memory, the data, errors, twins gone wrong and provenance (page/sections.hpp); plots are inline SVG (plot/), and the
// numbers stand in a JSON block.  Several runs come with `comparison` (comparison_table.hpp; null: there is none) on
// top, each run folded. A file that is not there yet leaves its section out, said in a line.  Everything from a file is
// escaped, and the page stays below 1 MB: long series are thinned first. Errors: Invalid(usage) for a folder that is no
// run's or too many runs for a page; Broken where a file has another shape; Failed(io) where the page cannot be
// written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/report/page/sweep_section.hpp"
#include "trainer/report/table.hpp"

namespace bsft {

inline constexpr std::size_t default_samples = 10;

// samples: how many of the worst errors, and of the twins gone wrong, are shown with their words; 0: no words of
// records.
std::string report_html(std::vector<std::filesystem::path> const& runs, OrderedJson const& comparison = nullptr,
                        std::size_t samples = default_samples);
void write_report(std::vector<std::filesystem::path> const& runs, std::filesystem::path const& out,
                  OrderedJson const& comparison = nullptr, std::size_t samples = default_samples);
// Of a sweep: how its arms compare, and its runs; of very many runs the first, and the others are in its table.csv.
std::string sweep_html(page::SweepPage const& sweep, OrderedJson const& comparison);
// The headline as text for a terminal or as Markdown.
std::string report_text(std::vector<std::filesystem::path> const& runs, TableStyle style,
                        OrderedJson const& comparison = nullptr);

}  // namespace bsft
