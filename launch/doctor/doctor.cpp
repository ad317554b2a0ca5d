#include "launch/doctor/doctor.hpp"

#include <mpi.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdio>
#include <memory>
#include <optional>

#include "launch/doctor/deadline.hpp"
#include "launch/doctor/diagnosis.hpp"
#include "launch/doctor/probes.hpp"
#include "launch/doctor/ranks.hpp"
#include "launch/doctor/storage.hpp"
#include "launch/doctor/versions.hpp"
#include "launch/doctor/wires.hpp"
#include "launch/help.hpp"
#include "launch/slurm/client.hpp"
#include "launch/start.hpp"
#include "trainer/comm/agreement.hpp"

namespace bsft::doctor {
namespace {

namespace fs = std::filesystem;

std::string first_line(std::string const& text) { return text.substr(0, text.find('\n')); }

class Examination {
 public:
  explicit Examination(Request const& request);
  int run();

 private:
  // Of N jobs of one rank, which MPI takes for N worlds, the launcher's first.
  bool leads() const {
    Job const* const job = known_job_;
    return job != nullptr && job->size() > 1 ? job->rank() == 0 : rank_of(environment_) == 0;
  }
  void start_ranks();
  void examine_versions();
  void examine_ranks();
  void examine_wires();
  void examine_storage();
  void examine_data(std::int64_t& behaviors);
  void print() const;
  [[noreturn]] void give_up(std::string const& stage, Exit code);

  Request request_;
  Environment environment_ = this_environment();
  std::optional<Config> config_;
  Diagnosis diagnosis_;
  std::unique_ptr<Job> job_;
  std::atomic<Job*> known_job_ = nullptr;  // for the deadline's thread
  std::vector<RankFacts> facts_;
  std::unique_ptr<Deadline> deadline_;  // last: its thread uses the others
};

Examination::Examination(Request const& request) : request_(request) {
  if (!request_.config.empty()) {
    config_ = read_config(request_.config, request_.overrides, Files::may_lack);
    fs::path const named = config_->run.dir.empty()
                               ? "runs/" + config_->run.name + "-" + digest_of(*config_).substr(0, 8)
                               : config_->run.dir;
    if (request_.folder.empty()) request_.folder = named;
    if (request_.data.empty()) request_.data = config_->data.file;
  }
  deadline_ = std::make_unique<Deadline>(request_.seconds,
                                         [this](std::string const& stage, Exit code) { give_up(stage, code); });
  deadline_->show(leads());
}

void Examination::print() const {
  std::vector<Section> const sections = diagnosis_.sections();
  Job const* const job = known_job_;
  Circumstances const circumstances{first_line(version_text()), job != nullptr ? job->size() : 1, deadline_->elapsed()};
  std::string const text =
      request_.json ? json_of(sections, circumstances).dump(1, ' ', false, Json::error_handler_t::replace) + "\n"
                    : table_of(sections, circumstances);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Failed(Exit::io, "cannot write to standard output");
}

// On the deadline's thread.  Rank 0 speaks; where it is the one that hangs, another does.
void Examination::give_up(std::string const& stage, Exit code) {
  std::string const found = "no answer within " + std::to_string(static_cast<int>(request_.seconds)) + " s: " + stage;
  if (leads()) {
    diagnosis_.add("time",
                   Finding{"all in time", found, Verdict::fail, "look at the rank, host or folder named here", code});
    try {
      print();
    } catch (std::exception const&) {  // the exit code is all that is left
    }
  } else {
    ::sleep(3);
    std::fprintf(stderr, "bsft: error: doctor: %s\n", found.c_str());
  }
  if (Job* const job = known_job_) job->abort(static_cast<int>(code));
  std::_Exit(static_cast<int>(code));
}

void Examination::start_ranks() {
  deadline_->at("MPI_Init of all ranks", Exit::peer_lost);
  bool const alone = config_ && config_->parallel.backend == "self";
  job_ = is_launched(environment_) && !alone ? Job::over_mpi() : Job::alone();
  known_job_ = job_.get();
}

void Examination::examine_versions() {
  for (LibraryVersion const& library : library_versions()) diagnosis_.add("versions", judge(library));
  diagnosis_.add("versions", build_findings());
}

void Examination::examine_ranks() {
  deadline_->at("what each rank sees", Exit::peer_lost);
  RankFacts const mine = facts_here(job_->rank(), request_.data);
  for (std::string const& theirs : job_->everyone().exchange(to_text(mine))) facts_.push_back(facts_from(theirs));
  World world{environment_, job_->size(), "", ""};
  int started = 0;
  MPI_Initialized(&started);
  if (started != 0) {
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    world.thread_level = level == MPI_THREAD_MULTIPLE     ? "MPI_THREAD_MULTIPLE"
                         : level == MPI_THREAD_SERIALIZED ? "MPI_THREAD_SERIALIZED"
                                                          : "MPI_THREAD_FUNNELED";
    world.mpi_library = mpi_library();
  }
  diagnosis_.add("versions", judge_programs(facts_));
  diagnosis_.add("launcher", judge_world(world, facts_));
  auto const promised = expected_world(environment_);
  if (leads() && promised && promised->source.rfind("SLURM_", 0) == 0) {
    deadline_->at("srun --mpi=list", Exit::unavailable);
    diagnosis_.add("launcher", judge_plugins(slurm::mpi_plugins()));
  }
  int const evaluators = config_ && job_->size() > 1 ? static_cast<int>(config_->parallel.evaluator_ranks) : 0;
  if (config_ && job_->size() > 1) {
    try {
      lanes_of(0, job_->size() - evaluators, config_->parallel.lanes, reduction_of(*config_));
    } catch (Error const& error) {
      diagnosis_.add("launcher", failure("lanes", error));
    }
  }
  bool const nccl = config_ && config_->parallel.backend == "nccl";
  diagnosis_.add("GPUs", judge_gpus(facts_, job_->size() - evaluators, nccl));
  int const threads = config_ ? static_cast<int>(config_->train.threads_per_rank) : 1;
  diagnosis_.add("CPUs", judge_cpus(facts_, threads, launcher_of(environment_)));
}

void Examination::examine_wires() {
  if (job_->size() == 1) {
    diagnosis_.add("wires", Finding{"all-reduce, point-to-point", "alone, nothing to measure", Verdict::note});
    return;
  }
  // The trainers, or where nothing says who trains, as many as an exact sum takes: a power of two.
  auto const size = static_cast<unsigned>(job_->size());
  int evaluators = config_ ? static_cast<int>(config_->parallel.evaluator_ranks) : 0;
  if (evaluators >= job_->size() || !std::has_single_bit(size - static_cast<unsigned>(evaluators)))
    evaluators = static_cast<int>(size - std::bit_floor(size));
  int const trainers = job_->size() - evaluators;
  double const share = std::min(1.5, request_.seconds / 20);
  deadline_->at("all-reduce, exact, over " + std::to_string(trainers) + " ranks", Exit::peer_lost);
  auto const exact = job_->split(evaluators, Reduction::exact);
  auto const fast = job_->everyone().split(exact ? 0 : -1);
  std::vector<Sample> samples;
  if (exact) samples = time_all_reduce(*exact, share, at::kCPU);
  job_->wait_for_all();
  std::string const over = " over " + std::to_string(trainers);
  diagnosis_.add("wires", judge_all_reduce("all-reduce exact" + over, samples, trainers));
  deadline_->at("all-reduce, fast, over " + std::to_string(trainers) + " ranks", Exit::peer_lost);
  if (fast) samples = time_all_reduce(*fast, share, at::kCPU);
  job_->wait_for_all();
  diagnosis_.add("wires", judge_all_reduce("all-reduce fast" + over, samples, trainers));
  if (config_ && config_->parallel.backend == "nccl") {
    deadline_->at("all-reduce over NCCL", Exit::peer_lost);
    try {
      std::unique_ptr<Communicator> devices;
      together(job_->everyone(), [&] {
        if (exact) devices = job_->over_devices(Reduction::exact);
      });
      if (devices) samples = time_all_reduce(*devices, share, job_->device());
      diagnosis_.add("wires", judge_all_reduce("all-reduce NCCL" + over, samples, trainers));
    } catch (Told const& told) {
      diagnosis_.add("wires", failure("all-reduce NCCL", told));
    }
    job_->wait_for_all();
  }
  deadline_->at("point-to-point", Exit::peer_lost);
  diagnosis_.add("wires", judge_pairs(time_pairs(*job_, facts_, share), facts_));
}

void Examination::examine_data(std::int64_t& behaviors) {
  if (request_.data.empty()) return;
  Exit const code = config_ ? Exit::config : Exit::data;
  for (RankFacts const& one : facts_) {
    if (one.data_bytes == facts_.front().data_bytes && one.data_bytes >= 0) continue;
    bool const nowhere = facts_.front().data_bytes < 0;
    std::string const who =
        nowhere ? "not there"
                : "rank " + std::to_string(one.rank) + " on " + one.cpus.host.name + " sees another file or none";
    diagnosis_.add("storage", Finding{"data file", request_.data.string() + ": " + who, Verdict::fail,
                                      nowhere ? "make it with bsft data build, or check data.file"
                                              : "copy it to every host, or put it on a file system that all share",
                                      code});
    return;
  }
  try {
    diagnosis_.add("storage",
                   Finding{"data file", request_.data.string() + ", " + std::to_string(facts_.front().data_bytes) +
                                            " bytes on " + file_system_of(request_.data)});
    Finding finding = probe_data(request_.data, std::min(3.0, request_.seconds / 20));
    behaviors = finding.numbers.at("behaviors");
    diagnosis_.add("storage", std::move(finding));
    diagnosis_.add("storage",
                   Finding{"HDF5 locking", "off in bsft's reader; other programs: " + shared_locks(request_.data)});
  } catch (std::exception const& error) {
    diagnosis_.add("storage", failure("data file", error));
  }
}

void Examination::examine_storage() {
  if (request_.folder.empty() && request_.data.empty()) {
    diagnosis_.add("storage",
                   Finding{"folders", "left out", Verdict::note, "name --config C.yaml, or --dir DIR and --data FILE"});
    return;
  }
  if (leads()) {
    std::int64_t behaviors = 0;
    deadline_->at("reading " + request_.data.string(), Exit::io);
    examine_data(behaviors);
    if (!request_.folder.empty()) {
      deadline_->at("writing to " + request_.folder.string(), Exit::io);
      diagnosis_.add("storage", examine_folder(request_.folder, std::min(5.0, request_.seconds / 12),
                                               launcher_of(environment_), config_ ? &*config_ : nullptr, behaviors));
    }
  }
  job_->wait_for_all();
  if (request_.folder.empty()) return;
  deadline_->at("locks in " + request_.folder.string(), Exit::io);
  diagnosis_.add("storage", examine_sharing(*job_, request_.folder));
}

int Examination::run() {
  start_ranks();
  RunPlace const nowhere;
  FlightRecorder recorder;
  recorder.is(job_->rank(), Role::unknown);
  return guarded(*job_, nowhere, recorder, [this] {
    examine_versions();
    examine_ranks();
    if (!leads() && job_->size() == 1) {
      ::sleep(10);  // one of N jobs of one rank: the first says so, and ends the others or not
      return static_cast<int>(Exit::unavailable);
    }
    try {
      examine_storage();
      examine_wires();
    } catch (std::exception const& error) {  // what was found by then is worth printing
      diagnosis_.add("fault", failure(deadline_->stage(), error));
      deadline_->met();
      if (leads()) print();
      throw;
    }
    deadline_->at("the last rank", Exit::peer_lost);
    auto const mine = static_cast<int>(exit_of(diagnosis_.sections()));
    int const code = std::stoi(job_->everyone().exchange(std::to_string(mine)).front());
    deadline_->met();
    if (leads()) print();
    job_->wait_for_all();
    return code;
  });
}

}  // namespace

int examine(Request const& request) { return Examination(request).run(); }

}  // namespace bsft::doctor
