#include "launch/training_run.hpp"

#include <ATen/Parallel.h>

#include <algorithm>

#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "kernels/op/op.hpp"
#include "launch/affinity.hpp"
#include "launch/doctor/storage.hpp"
#include "launch/failure.hpp"
#include "launch/grace.hpp"
#include "launch/straggler_watch.hpp"
#include "launch/training_model.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/reader.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/loop/memory.hpp"
#include "trainer/report/metrics_log.hpp"
#include "trainer/report/report_page.hpp"
#include "trainer/report/results_table.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {

namespace fs = std::filesystem;

TrainingRun::TrainingRun(Config const& config, Job& job, RunPlace& place, FlightRecorder& recorder)
    : config_(config), folder_(config.run.dir), job_(job), place_(place), recorder_(recorder), stop_(job) {
  op::use(config_.kernels == "fused" ? op::Path::fused : op::Path::reference);
}

void TrainingRun::together(std::function<void()> const& stage) {
  bsft::together(job_.everyone(), [&] {
    stop_.leave_before_the_first_step();
    if (trains()) stage();
  });
}

void TrainingRun::say(std::string const& line) {
  if (progress_ && !line.empty()) progress_->say(line);
}

void TrainingRun::share_cpus() {
  std::vector<RankCpus> const ranks = cpus_from(job_.everyone().exchange(to_line(cpus_here(job_.rank()))));
  auto const wanted = static_cast<int>(config_.train.threads_per_rank);
  threads_ = threads_of(ranks, job_.rank(), wanted);
  at::set_num_threads(threads_);
  for (ThreadFinding const& finding : judge_threads(ranks, wanted, launcher_of(this_environment())))
    cpu_lines_.push_back((finding.warning ? "warning: " : "note: ") + finding.found + ": " + finding.advice);
}

void TrainingRun::split_ranks() {
  share_cpus();
  Reduction const reduction = reduction_of(config_);
  evaluators_ = job_.size() == 1 ? 0 : static_cast<int>(config_.parallel.evaluator_ranks);
  bsft::together(job_.everyone(), [&] {
    if (evaluators_ < job_.size()) lanes_of(0, job_.size() - evaluators_, config_.parallel.lanes, reduction);
  });
  trainers_ = job_.split(evaluators_, reduction);
  recorder_.is(job_.rank(), trains() ? Role::trainer : Role::evaluator);
  if (trains()) mine_ = lanes_of(trainers_->rank(), trainers_->size(), config_.parallel.lanes, reduction);
  together([&] {
    if (config_.parallel.backend == "nccl") devices_ = job_.over_devices(reduction);
    bool const overtakes = config_.parallel.zero == 1 || config_.parallel.zero == 2;
    if (!devices_ && overtakes && trainers_->size() > 1) weights_ = trainers_->split(0);
  });
}

void TrainingRun::watch() {
  WatchLimits limits;
  limits.hang = static_cast<double>(config_.parallel.hang_seconds);
  limits.startup = static_cast<double>(config_.parallel.startup_seconds);
  auto const say = [&job = job_, &recorder = recorder_](Verdict const& verdict) { act_on(verdict, job, recorder); };
  if (!job_.watch(limits, say) && leads())
    std::fputs("bsft: note: this MPI library has no MPI_THREAD_MULTIPLE, so ranks that hang are not seen\n", stderr);
}

void TrainingRun::open_data() {
  together([this] { data_ = std::make_unique<TrainingData>(config_); });
}

void TrainingRun::build_model() {
  together([this] {
    plan_.sharded = static_cast<Sharded>(config_.parallel.zero);
    determinism_ =
        determinism_of(reduction_of(config_), devices_ != nullptr, trainers_->size(), config_.parallel.bucket_bytes);
    model_ = make_model(config_, *data_, job_.device(),
                        [this](Decoder const& model, Parameter const& parameter) { keep_share(model, parameter); });
    plan_.total_steps = total_steps_of(config_.train, data_->order());
    plan_.checkpoint_every = config_.checkpoint.every;
    plan_.buckets = buckets(*model_);
    bool const shares = plan_.sharded >= Sharded::moments;
    optimizer_ = std::make_unique<Optimizer>(
        *model_, config_.optimizer,
        shares ? std::optional(parts_of(plan_.buckets, trainers_->rank(), trainers_->size())) : std::nullopt);
    state_.emplace(TrainState{*model_, *optimizer_, 0, 0});
    if (config_.model.freeze != "none") base_digest_ = model_->base_digest();
  });
}

Buckets TrainingRun::buckets(Decoder const& model) const {
  return buckets_of(model.flat().numel(), model.behaviors_begin(), config_.parallel.bucket_bytes, op::norm_block);
}

void TrainingRun::keep_share(Decoder const& model, Parameter const& parameter) const {
  if (plan_.sharded < Sharded::weights || parameter.offset < 0) return;
  give_back_others(model.weight_pages(), buckets(model), {parameter.offset, parameter.offset + parameter.value.numel()},
                   trainers_->rank(), trainers_->size());
}

int TrainingRun::summarise(std::FILE* stream) const {
  if (!leads() || config_.log.level == "quiet") return 0;
  Order const& order = data_->order();
  auto const line = [stream](std::string const& text) { std::fprintf(stream, "%s\n", text.c_str()); };
  std::int64_t const lanes = mine_.end - mine_.begin;
  line("ranks: " + std::to_string(trainers_->size()) + " trainers (" + bulk().backend() + " on " + job_.device().str() +
       ", " + config_.parallel.reduction + " reduction), " + std::to_string(job_.size() - trainers_->size()) +
       " evaluators, " + std::to_string(config_.parallel.lanes) + " lanes, " + std::to_string(lanes) + " a rank");
  line("determinism: " + name(determinism_.level) + ", " + promise(determinism_.level) + " (" +
       determinism_.conditions + ")");
  if (config_.train.threads_per_rank == 0) line("threads: " + std::to_string(threads_) + " on rank 0, by its CPUs");
  for (std::string const& text : cpu_lines_) line(text);
  line("data: " + grouped(order.records()) + " training records in " + grouped(order.units()) + " units, " +
       grouped(order.units_per_step()) + " units a step");
  if (order.units_per_step() < config_.parallel.lanes) {
    line(
        "note: a step has fewer units than lanes, so some lanes stay empty: raise train.global_batch_size or lower "
        "parallel.lanes");
  }
  line("steps: " + grouped(plan_.total_steps) + ", " + grouped(order.steps_per_epoch()) + " an epoch");
  for (std::string const& text : describe_model(*model_, data_->reader().catalog().behaviors)) line(text);
  ModelMemory const memory =
      model_memory(*model_, plan_.buckets, trainers_->rank(), trainers_->size(), lanes, plan_.sharded);
  auto const mebibytes = [](std::int64_t bytes) { return grouped((bytes + (1 << 20) - 1) >> 20); };
  line("memory: " + mebibytes(memory.kept()) + " MiB a rank (weights " + mebibytes(memory.weights + memory.frozen) +
       ", gradient " + mebibytes(memory.gradient) + ", moments " + mebibytes(memory.moments) +
       (memory.partial > 0 ? ", partial gradients of its lanes " + mebibytes(memory.partial) : "") + ")" +
       (memory.passing > 0 ? ", at most " + mebibytes(memory.passing) + " more during a step" : "") +
       (memory.accumulating > 0
            ? " (" + mebibytes(memory.passing + memory.accumulating) + " where it takes several passes)"
            : "") +
       ", beside the activations of a pass of at most " + grouped(config_.train.max_tokens_per_pass) + " tokens");
  std::fflush(stream);
  return 0;
}

void TrainingRun::claim_folder() {
  together([this] {
    if (!leads()) return;
    bool const fresh = config_.checkpoint.resume == "none";
    claim_ = std::make_unique<RunDirectory>(folder_, fresh ? Existing::refuse : Existing::resume);
    place_.folder = folder_;  // whatever fails from here on has its status.json
    fs::remove(folder_ / ".failed");
    sweep_unfinished(folder_);
    unscored_ = left_unscored(folder_);
  });
  place_.folder = folder_;
  recorder_.runs_in(folder_, plan_.total_steps);
  note_ranks();
}

// ranks.json: which process of which host is which rank.
void TrainingRun::note_ranks() {
  Snapshot const me = recorder_.snapshot();
  OrderedJson json;
  json["rank"] = job_.rank();
  json["role"] = trains() ? "trainer" : "evaluator";
  json["host"] = me.host.data();
  json["pid"] = me.pid;
  std::string lines;
  for (std::string const& line :
       job_.everyone().exchange(json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)))
    lines += (lines.empty() ? "" : ",\n ") + line;
  together([&] {
    if (leads()) write_atomically(folder_ / "ranks.json", "[" + lines + "]\n");
  });
}

void TrainingRun::resume() {
  auto const warn = [](std::string const& line) { std::fprintf(stderr, "bsft: warning: %s\n", line.c_str()); };
  std::string chosen;  // by rank 0, for all
  together([&] {
    std::string const& from = config_.checkpoint.resume;
    if (!leads() || from == "none") return;
    std::optional<FoundCheckpoint> const found =
        from == "auto" ? find_checkpoint(folder_, warn) : std::optional(open_checkpoint(from));
    if (!found) return;
    check_same(*found, config_, data_->reader().catalog().data_digest);
    chosen = found->folder.string();
  });
  chosen = job_.everyone().exchange(chosen).front();
  together([&] {
    if (!chosen.empty()) {
      FoundCheckpoint const found{chosen, read_manifest(chosen)};
      restore(found, *model_, *optimizer_, [this](Parameter const& parameter) { keep_share(*model_, parameter); });
      state_->step = found.manifest.step;
      determinism_ = resumed(found.manifest.determinism, determinism_);
      if (leads() && determinism_.level > found.manifest.determinism.level) {
        warn("determinism falls from " + name(found.manifest.determinism.level) + " to " + name(determinism_.level) +
             ": the checkpoint was made under other conditions (" + found.manifest.determinism.conditions + ")");
      }
      state_->empty_batches = found.manifest.empty_batches;
      if (!base_digest_.empty() && found.manifest.base_digest != base_digest_) {
        throw Invalid(Exit::resume_mismatch, "the base table of " + config_.model.path + " is not the checkpoint's",
                      "it is frozen, so it must be the same", "restore the folder of model.path");
      }
    }
    place_.step = state_->step;
    place_.total_steps = plan_.total_steps;
    if (!leads()) return;
    write_atomically(folder_ / "config.yaml", to_yaml(config_));
    write_status(folder_, {"running", -1, state_->step, plan_.total_steps, ""});
    writer_ = std::make_unique<CheckpointWriter>(folder_, config_.model.path, data_->reader().catalog().behaviors,
                                                 to_yaml(config_), config_.checkpoint.keep);
  });
}

void TrainingRun::start_evaluation() {
  bsft::together(job_.everyone(), [this] {
    stop_.leave_before_the_first_step();
    evaluation_.emplace(job_, config_, folder_, evaluators_, stop_);
  });
}

Manifest TrainingRun::manifest() const {
  Manifest manifest;
  manifest.step = state_->step;
  manifest.epoch = state_->step / data_->order().steps_per_epoch();
  manifest.step_in_epoch = state_->step % data_->order().steps_per_epoch();
  manifest.updates = optimizer_->updates();
  manifest.empty_batches = state_->empty_batches;
  manifest.config_digest = digest_of(config_);
  manifest.data_digest = data_->reader().catalog().data_digest;
  manifest.base_digest = base_digest_;
  manifest.determinism = determinism_;
  return manifest;
}

void TrainingRun::publish(bool last) {
  recorder_.does(Activity::save);
  Communicator& group = bulk();
  Moments const moments = optimizer_->gather(group, plan_.buckets);
  std::optional<SharedWeights> weights;
  if (plan_.sharded == Sharded::weights) weights.emplace(group, *model_, plan_.buckets).gather(Whole::on_rank_0);
  bsft::together(*trainers_, [&] {
    if (!leads()) return;
    writer_->write(manifest(), *model_, moments);
    if (!has_failed(folder_)) write_status(folder_, {"running", -1, state_->step, plan_.total_steps, ""});
  });
  if (weights) weights->leave();
  recorder_.does(Activity::evaluation);
  evaluation_->published(state_->step, last);
}

void TrainingRun::train() {
  std::optional<MetricsLog> log;
  std::optional<Grace> grace;
  StragglerWatch straggler_watch(*trainers_, recorder_, folder_, [this](std::string const& line) { say(line); });
  if (leads()) {
    log.emplace(folder_ / "metrics.jsonl", state_->step);
    progress_ = std::make_unique<Progress>(state_->step, plan_.total_steps, config_.log.every,
                                           progress_style(config_.log.level, stderr));
    auto const behaviors = static_cast<std::int64_t>(data_->reader().catalog().behaviors.tokens.size());
    grace.emplace(doctor::checkpoint_size(model_->shape(), behaviors, config_.model.freeze).bytes, folder_,
                  this_environment());
    say(grace->before_the_first_step());
  }
  // The untouched model is what the evaluation compares with; a resumed checkpoint may not have been scored yet.
  if (evaluation_->wanted()) {
    recorder_.does(Activity::evaluation);
    std::erase(unscored_, state_->step);
    evaluation_->take_up(unscored_);
    publish(state_->step == plan_.total_steps);
  }
  TrainObservers observers;
  observers.on_step = [&](StepMetrics const& metrics) {
    place_.step = metrics.step;
    stops_ = metrics.notes.asked_to_stop > 0;
    recorder_.step_done(metrics.seconds.total);
    if (log) log->write(metrics);
    if (progress_) progress_->step(metrics);
    straggler_watch.step(metrics);
    if (grace) say(grace->after_step(recorder_.snapshot().median_step_seconds));
  };
  observers.on_checkpoint = [&](TrainState const& state) {
    publish(state.step == plan_.total_steps);
    say("checkpoint " + step_name(state.step));
  };
  auto const notes = [this] { return Notes{stop_.asked(), 0, 0}; };
  TrainData const data{data_->order(), data_->reader().records(), data_->source(),
                       data_->loader_settings(config_, mine_)};
  try {
    bsft::train(*state_, config_, plan_, data, {*trainers_, bulk(), &recorder_, notes}, observers);
  } catch (NonFinite const& error) {
    std::string names;  // of the first few
    std::size_t const shown = std::min<std::size_t>(error.records().size(), 8);
    for (std::size_t i = 0; i < shown; ++i) names += (i == 0 ? "" : ", ") + data_->record_name(error.records()[i]);
    if (shown < error.records().size()) names += " and " + std::to_string(error.records().size() - shown) + " more";
    throw NonFinite(error.step(), error.records(), names);
  }
}

int TrainingRun::stop_early() {
  if (leads())
    say_stopped(folder_, state_->step, plan_.total_steps, stop_.line("saved step " + std::to_string(state_->step)));
  progress_.reset();
  return evaluation_->abandon();
}

int TrainingRun::report() {
  recorder_.does(Activity::evaluation);
  bool const all_done = state_->step == plan_.total_steps && !evaluation_->wanted();
  if (stops_ && !all_done) return stop_early();
  if (!leads()) return evaluation_->finish(state_->step);
  if (state_->empty_batches > 0) {
    say("note: " + grouped(state_->empty_batches) + " batches had no supervised token and changed nothing");
  }
  if (!base_digest_.empty()) {
    bool const same = model_->base_digest() == base_digest_;
    say("base table: digest " + base_digest_ + (same ? " unchanged by training, as frozen" : " CHANGED"));
    ensure(same, "a frozen base table does not change");
  }
  if (evaluation_->wanted()) {
    write_status(folder_, {"trained", -1, state_->step, plan_.total_steps, "waiting for the evaluation"});
    say("training is done; waiting for the evaluation of the last checkpoints");
  }
  int const code = evaluation_->finish(state_->step);
  if (code == static_cast<int>(Exit::start_again)) {
    say_stopped(folder_, state_->step, plan_.total_steps, stop_.line("trained, and not all is evaluated"));
    return code;
  }
  if (evaluation_->wanted() && fs::exists(folder_ / "results.json")) {
    OrderedJson const results = parse_ordered_json(read_file(folder_ / "results.json"), "results.json");
    std::printf("%s\n", results_text(results, TableStyle::terminal).c_str());
    write_report({folder_}, folder_ / "report.html");
  }
  say("last checkpoint: " + checkpoint_of(folder_, state_->step).string());
  say("metrics: " + (folder_ / "metrics.jsonl").string() +
      (evaluation_->wanted() ? "   results: " + (folder_ / "results.json").string() : ""));
  if (fs::exists(folder_ / "report.html")) say("report: " + (folder_ / "report.html").string());
  write_status(folder_, {code == 0 ? "done" : "trained", code, state_->step, plan_.total_steps, ""});
  return code;
}

}  // namespace bsft
