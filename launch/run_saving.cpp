#include "launch/run_saving.hpp"

#include <chrono>
#include <utility>

#include "data/base/json.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/report/run_events.hpp"

namespace bsft {
namespace {

constexpr int failures_allowed = 2;  // in a row
constexpr double patience = 0.5;     // s, for a save that another one finds under way

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

RunSaving::RunSaving(std::filesystem::path folder, std::int64_t owner, Retention keep, int shards, Communicator& host,
                     Communicator& bulk, FlightRecorder& recorder, TrainPlan const& plan, Decoder const& decoder,
                     Optimizer const& optimizer, ExportedFiles files, Hooks hooks)
    : folder_(std::move(folder)),
      host_(host),
      bulk_(bulk),
      recorder_(recorder),
      plan_(plan),
      decoder_(decoder),
      optimizer_(optimizer),
      share_(share_of(host.rank(), host.size(), shards)),
      files_(std::move(files)),
      hooks_(std::move(hooks)),
      saver_(host, CheckpointWriter(folder_, owner), folder_, keep) {
  if (plan.checkpoint_every > 0) copy_.emplace(decoder_, plan_.buckets, share_);
}

Notes RunSaving::notes() const {
  Saver::Part const part = saver_.part();
  return {0, part == Saver::Part::written ? 1 : 0, part == Saver::Part::failed ? 1 : 0};
}

void RunSaving::stepped(std::int64_t step, Notes const& all) {
  step_ = step;
  if (saver_.under_way() && all.saved + all.not_saved == host_.size()) finish(When::behind);
}

void RunSaving::save(Manifest manifest, When when) {
  recorder_.does(Activity::save);
  if (saver_.under_way() && when == When::behind && !saver_.all_wrote_within(patience)) {
    ++skipped_;
    if (leads())
      hooks_.say("note: no checkpoint of step " + std::to_string(manifest.step) + ": that of step " +
                 std::to_string(saver_.step()) + " is still being written (" + std::to_string(skipped_) +
                 " left out so far)");
    return;
  }
  if (saver_.under_way()) finish(when == When::behind ? When::behind : When::now);
  Stopwatch const watch;
  copy();
  manifest.shards = share_.shards;
  std::vector<StagedFile> files = copy_->files();
  for (auto const& [name, content] : files_) files.push_back({name, "", {content}});
  saver_.begin(std::move(manifest), std::move(files));
  stalled_ = watch.seconds();
  if (when != When::behind) finish(when);
}

void RunSaving::catch_up() {
  if (saver_.under_way()) finish(When::now);
}

void RunSaving::copy() {
  std::optional<SharedWeights> weights;
  if (plan_.sharded == Sharded::weights) weights.emplace(bulk_, decoder_, plan_.buckets).gather(Whole::on_rank_0);
  bool const own = optimizer_.holds_all() || is_even(host_.size(), share_.shards);
  Moments const all = own ? Moments{} : optimizer_.gather(bulk_, plan_.buckets);
  if (!copy_) copy_.emplace(decoder_, plan_.buckets, share_);
  copy_->take([&](at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& into) {
    if (own)
      optimizer_.give(which, offset, into);
    else
      into.copy_((all.*which).narrow(0, offset, into.numel()));
  });
  if (weights) weights->leave();
}

void RunSaving::finish(When when) {
  recorder_.does(Activity::save);
  Stopwatch const watch;
  SaveOutcome const outcome = saver_.finish();
  if (when != When::behind) saver_.wait_for_removal();
  if (outcome.code != Exit::done) return fail(outcome, when);
  failures_ = 0;
  if (leads()) {
    if (!outcome.warning.empty()) hooks_.say("warning: " + outcome.warning);
    hooks_.say("checkpoint " + step_name(outcome.step));
    note(outcome.step, stalled_, watch.seconds());
  }
  hooks_.published(outcome.step);
}

void RunSaving::fail(SaveOutcome const& outcome, When when) {
  ++failures_;
  std::string const what = "the checkpoint of step " + std::to_string(outcome.step) + " was not saved";
  if (outcome.code != Exit::io) throw Told(outcome.code, {one_line(what, outcome.error, "")});
  if (when == When::must || failures_ > failures_allowed) {
    std::string const count = failures_ > 1 ? ", " + std::to_string(failures_) + " in a row" : "";
    throw Told(Exit::io,
               {one_line(what + count, outcome.error, "see to the disk, then start again with --resume auto")});
  }
  if (leads()) hooks_.say("warning: " + one_line(what, outcome.error, "training goes on, older checkpoints are kept"));
}

// For people; a full disk does not matter here.
void RunSaving::note(std::int64_t step, double stalled, double committed) const {
  OrderedJson const event = {{"event", "save"},
                             {"step", step},
                             {"committed_after", step_},
                             {"copy_seconds", stalled},
                             {"commit_seconds", committed}};
  try {
    note_event(folder_, event);
  } catch (Error const&) {
  }
}

}  // namespace bsft
