// Going on from a checkpoint: refused as another run before ranks are split and data is opened, noted once it is so.
//
// look_ahead(): whether checkpoint.resume finds a checkpoint; Findings(resume_mismatch) where its configuration or
// model folder is another one.  It reads the manifest and the configuration alone: whether files are damaged, and
// whether the data is the same, is asked once the run folder is claimed.  A checkpoint that cannot be read is left to
// that, too. Writes nothing.  Requires: one rank only.  tests/checkpoint/refusals_test.py.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/base/json.hpp"
#include "trainer/checkpoint/reader.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

bool look_ahead(Config const& config, std::map<std::string, std::string> const& model_files,
                std::vector<std::string> const& allowed);
// All of it, once the data is known: what was changed by leave.  Findings(resume_mismatch) also where the run would end
// before the checkpoint.
std::vector<Change> accept(FoundCheckpoint const& found, Config const& config,
                           std::map<std::string, std::string> const& model_files, std::string const& data_digest,
                           std::int64_t total_steps, std::vector<std::string> const& allowed);
// Of events.jsonl: {"event": "resumed", "step", "from": folder, "own": it is of this run folder,
// "trainers", "changed": {key: {"from", "to"}}}
OrderedJson resumed_event(FoundCheckpoint const& found, std::filesystem::path const& run_dir,
                          std::vector<Change> const& changes, int trainers);

}  // namespace bsft
