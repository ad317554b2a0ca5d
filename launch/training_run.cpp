#include "launch/training_run.hpp"

#include <ATen/Parallel.h>

#include <algorithm>

#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "kernels/op/op.hpp"
#include "launch/affinity.hpp"
#include "launch/failure.hpp"
#include "launch/grace.hpp"
#include "launch/host_memory.hpp"
#include "launch/memory_record.hpp"
#include "launch/not_finite.hpp"
#include "launch/resume_check.hpp"
#include "launch/run_environment.hpp"
#include "launch/slurm/client.hpp"
#include "launch/straggler_watch.hpp"
#include "launch/training_model.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/reader.hpp"
#include "trainer/checkpoint/same_run.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/loop/memory.hpp"
#include "trainer/loop/state_check.hpp"
#include "trainer/report/metrics_log.hpp"
#include "trainer/report/report_page.hpp"
#include "trainer/report/results_table.hpp"
#include "trainer/report/run_events.hpp"
#include "trainer/report/run_status.hpp"

namespace bsft {

namespace fs = std::filesystem;

TrainingRun::TrainingRun(Config const& config, Job& job, RunPlace& place, FlightRecorder& recorder, Unlock unlock,
                         std::future<Probed> data)
    : config_(config),
      folder_(config.run.dir),
      job_(job),
      place_(place),
      unlock_(unlock),
      recorder_(recorder),
      stop_(job),
      probed_(std::move(data)) {
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

void TrainingRun::look_ahead(std::vector<std::string> const& allowed) {
  allowed_ = allowed;
  bsft::together(job_.everyone(), [&] {
    if (!leads()) return;
    model_files_ = model_files_of(config_.model.path);
    goes_on_ = bsft::look_ahead(config_, model_files_, allowed_);
  });
}

void TrainingRun::split_ranks() {
  share_cpus();
  Reduction const reduction = reduction_of(config_);
  evaluators_ = job_.size() == 1 ? 0 : static_cast<int>(config_.parallel.evaluator_ranks);
  bsft::together(job_.everyone(), [&] {
    if (evaluators_ >= job_.size()) return;
    try {
      lanes_of(0, job_.size() - evaluators_, config_.parallel.lanes, reduction);
    } catch (Invalid const& illegal) {
      if (!goes_on_) throw;
      throw Findings(Exit::resume_mismatch, {illegal.what()});
    }
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
  std::string mine;
  together([&] {
    data_ = std::make_unique<TrainingData>(config_, probed_.get());
    mine = data_->look_for_damage(trainers_->rank(), trainers_->size());
  });
  std::vector<std::string> const all = trains() ? trainers_->exchange(mine) : std::vector<std::string>();
  together([&] { data_->set_order(all); });
  if (!leads()) return;
  for (ChunkDamage const& chunk : data_->damage())
    std::fprintf(stderr, "bsft: warning: its records are left out: %s\n", chunk.line.c_str());
}

void TrainingRun::build_model() {
  together([this] {
    plan_.sharded = static_cast<Sharded>(config_.parallel.zero);
    determinism_ =
        determinism_of(reduction_of(config_), devices_ != nullptr, trainers_->size(), config_.parallel.bucket_bytes);
    model_ = empty_model(config_, *data_, job_.device());
    plan_.buckets = buckets(*model_);
  });
  before_model_ = resident_memory().now;
  available_ = available_memory();
  std::vector<RankMemory> const memory =
      trains() ? memory_from(trainers_->exchange(to_line(memory_here()))) : std::vector<RankMemory>();
  together([&] {
    refuse_too_little(memory);
    fill_model(*model_, config_, *data_, [this](Parameter const& parameter) { keep_share(*model_, parameter); });
    plan_.total_steps = total_steps_of(config_.train, data_->order());
    plan_.checkpoint_every = config_.checkpoint.every;
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

ModelMemory TrainingRun::model_bytes() const {
  return model_memory(*model_, plan_.buckets, trainers_->rank(), trainers_->size(), mine_.end - mine_.begin,
                      plan_.sharded);
}

std::int64_t TrainingRun::copy_bytes() const {
  Share const share = share_of(trainers_->rank(), trainers_->size(), shards_of(config_.parallel.lanes));
  return bytes_of_copy(*model_, plan_.buckets, share);
}

RankMemory TrainingRun::memory_here() const {
  std::int64_t const kept = devices_ ? 0 : model_bytes().kept();  // on a GPU it is not the host's
  return {job_.rank(), this_host(), kept + copy_bytes(), available_};
}

void TrainingRun::note_memory() {
  bool const on_device = devices_ != nullptr;
  MemoryRecord const mine{job_.rank(),  this_host().name,
                          on_device,    before_model_,
                          available_,   on_device ? ModelMemory{} : model_bytes(),
                          copy_bytes(), resident_memory().peak};
  std::vector<std::string> const all = trainers_->exchange(to_line(mine));
  if (!leads()) return;
  try {
    note_event(folder_, memory_event(state_->step, all));
  } catch (Failed const&) {  // a full disk: a run does not end for a figure of its report
  }
}

int TrainingRun::summarise(std::FILE* stream) const {
  if (!leads() || config_.log.level == "quiet") return 0;
  Order const& order = data_->order();
  auto const line = [stream](std::string const& text) { std::fprintf(stream, "%s\n", text.c_str()); };
  std::int64_t const lanes = mine_.end - mine_.begin;
  line("ranks: " + std::to_string(trainers_->size()) + " trainers (" + bulk().backend() + " on " + job_.device().str() +
       ", " + config_.parallel.reduction + " reduction), " + std::to_string(job_.size() - trainers_->size()) +
       " evaluators, " + std::to_string(config_.parallel.lanes) + " lanes, " + std::to_string(lanes) + " a rank");
  std::string given;
  for (Change const& one : changes_)
    given += (given.empty() ? ", given that " : " and ") + one.key + " became " + one.to + " after step " +
             std::to_string(one.step);
  line("determinism: " + name(determinism_.level) + ", " + promise(determinism_.level) + given + " (" +
       determinism_.conditions + ")");
  if (config_.train.threads_per_rank == 0) line("threads: " + std::to_string(threads_) + " on rank 0, by its CPUs");
  for (std::string const& text : cpu_lines_) line(text);
  line("data: " + grouped(order.records()) + " training records in " + grouped(order.units()) + " units, " +
       grouped(order.units_per_step()) + " units a step" +
       (data_->damage().empty()
            ? ""
            : ", " + grouped(data_->records_left_out()) + " records of " +
                  grouped(static_cast<std::int64_t>(data_->damage().size())) + " damaged chunks left out"));
  if (order.units_per_step() < config_.parallel.lanes) {
    line(
        "note: a step has fewer units than lanes, so some lanes stay empty: raise train.global_batch_size or lower "
        "parallel.lanes");
  }
  line("steps: " + grouped(plan_.total_steps) + ", " + grouped(order.steps_per_epoch()) + " an epoch");
  for (std::string const& text : describe_model(*model_, data_->reader().catalog().behaviors)) line(text);
  line(describe_memory(model_bytes(), copy_bytes(), config_.train.max_tokens_per_pass));
  std::fflush(stream);
  return 0;
}

void TrainingRun::claim_folder() {
  together([this] {
    if (!leads()) return;
    bool const fresh = config_.checkpoint.resume == "none";
    claim_ =
        std::make_unique<RunDirectory>(folder_, fresh ? Existing::refuse : Existing::resume, unlock_, slurm::job_ended);
    place_.folder = folder_;  // whatever fails from here on has its status.json
    fs::remove(folder_ / ".failed");
    sweep_unfinished(folder_);
    note_environment(folder_);
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

void TrainingRun::take_history(Manifest const& manifest) {
  state_->step = manifest.step;
  state_->empty_batches = manifest.empty_batches;
  state_->skipped = {manifest.skipped, manifest.skipped_recently};
  state_->consumed = manifest.consumed;
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
    std::vector<Change> const now =
        accept(*found, config_, model_files_, data_->reader().catalog().data_digest, plan_.total_steps, allowed_);
    data_->require_left_out(found->manifest.left_out, found->folder);
    changes_ = found->manifest.changes;
    changes_.insert(changes_.end(), now.begin(), now.end());
    note_event(folder_, resumed_event(*found, folder_, now, trainers_->size()));
    chosen = found->folder.string();
  });
  chosen = job_.everyone().exchange(chosen).front();
  together([&] {
    if (!chosen.empty()) {
      FoundCheckpoint const found{chosen, read_manifest(chosen)};
      restore(found, *model_, *optimizer_, [this](Parameter const& parameter) { keep_share(*model_, parameter); });
      take_history(found.manifest);
      if (fs::path(chosen) == checkpoint_of(folder_, state_->step)) found_step_ = state_->step;
      determinism_ = resumed(found.manifest.determinism, determinism_);
      if (leads() && determinism_.level > found.manifest.determinism.level) {
        warn("determinism falls from " + name(found.manifest.determinism.level) + " to " + name(determinism_.level) +
             ": the checkpoint was made under other conditions (" + found.manifest.determinism.conditions + ")");
      }
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
    data_->note_damage(folder_, state_->step);
    data_->write_summary(folder_);
  });
  start_saving();
}

void TrainingRun::start_saving() {
  owner_ = std::stoll(job_.everyone().exchange(std::to_string(claim_ ? claim_->owner() : 0)).front());
  together([&] {
    ExportedFiles files;
    if (leads()) {
      files = exported_files(*model_, data_->reader().catalog().behaviors, config_.model.path);
      files["training_config.yaml"] = to_yaml(config_);
      std::int64_t bytes = bytes_of_checkpoint(*model_);
      for (auto const& [name, content] : files) bytes += static_cast<std::int64_t>(content.size());
      if (found_step_ != plan_.total_steps) require_room(folder_, bytes);
    }
    saving_.emplace(folder_, owner_, Retention{config_.checkpoint.keep, config_.checkpoint.keep_every},
                    shards_of(config_.parallel.lanes), *trainers_, bulk(), recorder_, plan_, *model_, *optimizer_,
                    files,
                    RunSaving::Hooks{[this](std::string const& line) { say(line); },
                                     [this](std::int64_t step) { published(step); }});
  });
}

void TrainingRun::start_evaluation() {
  bsft::together(job_.everyone(), [this] {
    stop_.leave_before_the_first_step();
    evaluation_.emplace(job_, config_, folder_, owner_, evaluators_, stop_, recorder_);
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
  manifest.left_out = data_->left_out();
  manifest.base_digest = base_digest_;
  manifest.determinism = determinism_;
  manifest.consumed = state_->consumed;
  manifest.skipped = state_->skipped.total;
  manifest.skipped_recently = state_->skipped.recent;
  manifest.model_files = model_files_;
  manifest.changes = changes_;
  return manifest;
}

void TrainingRun::published(std::int64_t step) {
  try {
    if (leads() && !has_failed(folder_)) write_status(folder_, {"running", -1, state_->step, plan_.total_steps, ""});
  } catch (Failed const&) {  // a full disk: it is written again
  }
  recorder_.does(Activity::evaluation);
  evaluation_->published(step, enough_ || step == plan_.total_steps);
}

// The untouched model is what the evaluation compares with; a resumed checkpoint may not have been scored yet.
void TrainingRun::save_first() {
  if (!evaluation_->wanted()) return;
  recorder_.does(Activity::evaluation);
  evaluation_->take_up(enough_ ? state_->step : plan_.total_steps);
  if (found_step_ == state_->step) return;
  recorder_.does(Activity::save);
  check_state({*trainers_, bulk(), &recorder_}, *model_, *optimizer_, plan_.buckets, plan_.sharded, state_->step);
  saving_->save(manifest(), state_->step == plan_.total_steps ? RunSaving::When::must : RunSaving::When::now);
}

void TrainingRun::train() {
  std::optional<MetricsLog> log;
  std::optional<Grace> grace;
  StragglerWatch straggler_watch(*trainers_, recorder_, folder_, [this](std::string const& line) { say(line); });
  if (leads()) {
    log.emplace(folder_ / "metrics.jsonl", state_->step);
    progress_ = std::make_unique<Progress>(state_->step, plan_.total_steps, config_.log.every,
                                           progress_style(config_.log.level, stderr));
    grace.emplace(bytes_of_checkpoint(*model_), folder_, this_environment());
    say(grace->before_the_first_step());
  }
  std::int64_t const every = plan_.checkpoint_every;
  bool const falls_due = found_step_ == state_->step && every > 0 && state_->step % every == 0;
  enough_ = falls_due && state_->step > 0 && evaluation_->waits() && ends_at(state_->step);
  save_first();
  if (enough_) return;
  TrainObservers observers;
  std::int64_t const first = state_->step + 1;
  observers.on_step = [&](StepMetrics const& metrics) {
    place_.step = metrics.step;
    stops_ = metrics.notes.asked_to_stop > 0;
    recorder_.step_done(metrics.seconds.total);
    if (log) log->write(metrics);
    if (progress_) progress_->step(metrics);
    if (leads() && metrics.not_finite)
      tell_not_finite(metrics, *data_, trainers_->size(), folder_, [this](std::string const& line) { say(line); });
    straggler_watch.step(metrics);
    saving_->stepped(metrics.step, metrics.notes);
    if (grace) say(grace->after_step(recorder_.snapshot().median_step_seconds));
    if (metrics.step == first) note_memory();
  };
  observers.on_checkpoint = [&](TrainState const& state) {
    bool const waits = stops_ || enough_ || state.step == plan_.total_steps;
    saving_->save(manifest(), waits ? RunSaving::When::must : RunSaving::When::behind);
  };
  if (evaluation_->waits()) observers.ends_here = [this](TrainState const& state) { return ends_at(state.step); };
  auto const notes = [this] {
    Notes mine = saving_->notes();
    mine.asked_to_stop = stop_.asked() ? 1 : 0;
    return mine;
  };
  TrainData const data{data_->order(), data_->reader().records(), data_->source(),
                       data_->loader_settings(config_, mine_)};
  try {
    bsft::train(*state_, config_, plan_, data, {*trainers_, bulk(), &recorder_, notes}, observers);
  } catch (NonFinite const& error) {
    throw NonFinite(error.step(), error.found(), error.many(), names_of(error.found().records, *data_));
  }
  note_memory();
}

// Where trainers wait for the scores of the checkpoints before this one.
bool TrainingRun::ends_at(std::int64_t step) {
  saving_->catch_up();
  enough_ = evaluation_->enough(step);
  if (enough_) say(early());
  return enough_;
}

std::string TrainingRun::early() const {
  return "step " + std::to_string(state_->step) + " is the last: " + std::to_string(config_.evaluate.patience) +
         " scored checkpoints in a row are not better (evaluate.patience)";
}

int TrainingRun::stop_early() {
  if (leads())
    say_stopped(folder_, state_->step, plan_.total_steps, stop_.line("saved step " + std::to_string(state_->step)));
  progress_.reset();
  int const code = evaluation_->abandon();
  place_.without_evaluator = evaluation_->lost();
  return code;
}

int TrainingRun::report() {
  recorder_.does(Activity::evaluation);
  bool const all_done = state_->step == plan_.total_steps && !evaluation_->wanted();
  if (stops_ && !all_done) return stop_early();
  auto const finish = [this] {
    int const code = evaluation_->finish(state_->step);
    place_.without_evaluator = evaluation_->lost();
    return code;
  };
  if (!leads()) return finish();
  if (state_->empty_batches > 0) {
    bool const many = 100 * state_->empty_batches > state_->step;
    say((many ? "warning: " : "note: ") + grouped(state_->empty_batches) +
        " batches had no supervised token and changed nothing");
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
  int const code = finish();
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
  write_status(folder_,
               {code == 0 ? "done" : "trained", code, state_->step, plan_.total_steps, enough_ ? early() : ""});
  return code;
}

}  // namespace bsft
