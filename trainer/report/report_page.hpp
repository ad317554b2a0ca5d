// Write one self-contained HTML page about one or more runs: no script, nothing loaded from elsewhere.
//
// Of each run folder: the results before and after by task (results.json), the evaluations over the steps
// (evaluations.jsonl), loss, behaviour-token accuracy and learning rate (metrics.jsonl), failed evaluations, digests
// and the resolved configuration (config.yaml).  A file that is not there yet leaves its section out, said in a line; a
// torn last line of a .jsonl is passed over.  Everything from a file is escaped. Errors: Invalid(usage) for a folder
// that holds none of these files; Failed(io) where the page cannot be written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bsft {

std::string report_html(std::vector<std::filesystem::path> const& runs);
void write_report(std::vector<std::filesystem::path> const& runs, std::filesystem::path const& out);

}  // namespace bsft
