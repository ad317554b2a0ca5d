// Score what a run has left unscored, as a process outside of its job.
//
// While the job trains: what waits is scored beside its evaluators (evaluation_worker.hpp), once, or with Follow::yes
// until the job has ended.  Otherwise: every checkpoint that is there and due, also such whose scoring had failed or
// was given up; and where training is done, results.json, report.html and, where all is there now, status.json's
// "done". Of RUN_DIR it needs config.yaml, and data.file where that says it is; data of another digest is refused by
// the scorer. Returns done or evaluation_incomplete, or the job's own last word.  Errors: Invalid(usage) for a folder
// that is none of a run, or has nothing to evaluate.  Any number of them at a time, on any host that sees the folder.
#pragma once

#include <filesystem>

namespace bsft {

enum class Follow { no, yes };
int evaluate_attached(std::filesystem::path const& run_dir, Follow follow);

}  // namespace bsft
