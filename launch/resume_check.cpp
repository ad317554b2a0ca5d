#include "launch/resume_check.hpp"

#include "data/base/error.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/same_run.hpp"

namespace bsft {

bool look_ahead(Config const& config, std::map<std::string, std::string> const& model_files,
                std::vector<std::string> const& allowed) {
  std::string const& from = config.checkpoint.resume;
  if (from == "none") return false;
  std::filesystem::path folder = from;
  if (from == "auto") {
    std::vector<std::int64_t> const steps = published_in_order(config.run.dir);
    if (steps.empty()) return false;
    folder = checkpoint_of(config.run.dir, steps.back());
  }
  try {
    changes_of({folder, read_manifest(folder)}, config, model_files, "", allowed);
  } catch (Error const& error) {
    if (error.code() == Exit::resume_mismatch) throw;
  }
  return true;
}

std::vector<Change> accept(FoundCheckpoint const& found, Config const& config,
                           std::map<std::string, std::string> const& model_files, std::string const& data_digest,
                           std::int64_t total_steps, std::vector<std::string> const& allowed) {
  std::vector<Change> changes = changes_of(found, config, model_files, data_digest, allowed);
  if (found.manifest.step > total_steps)
    throw Findings(Exit::resume_mismatch, {one_line("the checkpoint is of step " + std::to_string(found.manifest.step),
                                                    "the run would end at step " + std::to_string(total_steps),
                                                    "raise train.max_steps or train.num_epochs")});
  return changes;
}

OrderedJson resumed_event(FoundCheckpoint const& found, std::filesystem::path const& run_dir,
                          std::vector<Change> const& changes, int trainers) {
  std::error_code error;
  bool const own = std::filesystem::equivalent(found.folder / "..", checkpoints_of(run_dir), error);
  OrderedJson event = {{"event", "resumed"},
                       {"step", found.manifest.step},
                       {"from", found.folder.string()},
                       {"own", own},
                       {"trainers", trainers}};
  event["changed"] = OrderedJson::object();
  for (Change const& one : changes) event["changed"][one.key] = {{"from", one.from}, {"to", one.to}};
  return event;
}

}  // namespace bsft
