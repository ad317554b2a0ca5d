// What the doctor makes of machines that we do not have, and its probes on the one that we have.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "data/base/file.hpp"
#include "launch/doctor/deadline.hpp"
#include "launch/doctor/diagnosis.hpp"
#include "launch/doctor/probes.hpp"
#include "launch/doctor/ranks.hpp"
#include "launch/doctor/storage.hpp"
#include "launch/doctor/versions.hpp"
#include "launch/doctor/wires.hpp"

namespace bsft::doctor {
namespace {

namespace fs = std::filesystem;

RankFacts on(std::string const& host, int rank, std::vector<Gpu> gpus = {}) {
  RankFacts facts;
  facts.rank = rank;
  facts.cpus = {rank, {host, "boot-of-" + host}, 8, 8, {rank % 8}};
  facts.program = "bsft 0.1.0, program aaaa";
  facts.instruction = "v4";
  facts.gpus = std::move(gpus);
  return facts;
}

Finding const* failing(std::vector<Finding> const& findings) {
  for (Finding const& finding : findings)
    if (finding.verdict == Verdict::fail) return &finding;
  return nullptr;
}

class Scratch : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
  fs::path folder = fs::temp_directory_path() / ("bsft_doctor_test_" + std::to_string(::getpid()));
};
using Storage = Scratch;

TEST(Diagnosis, TheFirstFailureIsTheExitCode) {
  Diagnosis diagnosis;
  diagnosis.add("a", Finding{"one", "fine"});
  EXPECT_EQ(exit_of(diagnosis.sections()), Exit::done);
  diagnosis.add("a", Finding{"two", "hm", Verdict::warning, "do this"});
  EXPECT_EQ(exit_of(diagnosis.sections()), Exit::done);
  diagnosis.add("b", Finding{"three", "bad", Verdict::fail, "", Exit::io});
  diagnosis.add("b", Finding{"four", "bad", Verdict::fail, "", Exit::config});
  EXPECT_EQ(exit_of(diagnosis.sections()), Exit::io);
  OrderedJson const json = json_of(diagnosis.sections(), {"bsft 1", 2, 0.5});
  EXPECT_EQ(json["exit_code"], 74);
  EXPECT_EQ(json["verdict"], "fail");
  EXPECT_EQ(json["sections"].size(), 2U);
  EXPECT_EQ(json["sections"][0]["findings"][1]["advice"], "do this");
  std::string const table = table_of(diagnosis.sections(), {"bsft 1", 2, 0.5});
  EXPECT_NE(table.find("bsft 1, 2 ranks, 0.5 s: 1 ok, 0 note, 1 warning, 2 fail; exit code 74"), std::string::npos);
}

TEST(Diagnosis, AnErrorFallsIntoItsParts) {
  Finding const finding = failure("x", Failed(Exit::io, "cannot open f", "No such file (or so)", "check the path"));
  EXPECT_EQ(finding.found, "cannot open f (No such file (or so))");
  EXPECT_EQ(finding.advice, "check the path");
  EXPECT_EQ(finding.code, Exit::io);
  EXPECT_EQ(failure("x", Unavailable("no parts")).found, "no parts");
  EXPECT_EQ(failure("x", std::runtime_error("first\nsecond")).found, "first");
  EXPECT_EQ(failure("x", std::runtime_error("first")).code, Exit::internal);
}

TEST(Versions, CompiledAgainstLoaded) {
  struct Case {
    char const *compiled, *loaded;
    Match match;
    Verdict verdict;
  };
  for (Case const& c :
       {Case{"2.11.0", "2.11.0+cu130", Match::exact, Verdict::ok},
        Case{"2.11.0", "2.10.1", Match::exact, Verdict::fail}, Case{"1.10.8", "1.10.9", Match::exact, Verdict::fail},
        Case{"4.1.4", "4.1.4rc1", Match::exact, Verdict::ok}, Case{"4.1.4", "0", Match::exact, Verdict::fail},
        Case{"2.28.9", "2.28.9", Match::last_may_be_newer, Verdict::ok},
        Case{"2.28.9", "2.28.11", Match::last_may_be_newer, Verdict::ok},
        Case{"2.28.9", "2.28.3", Match::last_may_be_newer, Verdict::fail},
        Case{"2.28.9", "2.29.0", Match::last_may_be_newer, Verdict::fail},
        Case{"13.0", "13.2", Match::minor_may_be_newer, Verdict::ok},
        Case{"13.1", "13.0", Match::minor_may_be_newer, Verdict::fail},
        Case{"13.0", "12.9", Match::minor_may_be_newer, Verdict::fail}, Case{"2.11.0", "", Match::exact, Verdict::note},
        Case{"", "", Match::exact, Verdict::ok}}) {
    EXPECT_EQ(judge({"L", c.compiled, c.loaded, c.match, ""}).verdict, c.verdict) << c.compiled << " " << c.loaded;
  }
}

TEST(Versions, OfThisProgram) {
  for (LibraryVersion const& library : library_versions())
    EXPECT_EQ(judge(library).verdict, Verdict::ok) << library.name << " " << library.compiled << " " << library.loaded;
  EXPECT_EQ(program_identity(), program_identity());
}

TEST(Ranks, FactsThereAndBack) {
  RankFacts facts = on("a", 3, {{"H100", "0000:17:00.0", 80}});
  facts.data_bytes = 17;
  facts.gpu_error = "x \xff";  // not UTF-8
  RankFacts const back = facts_from(to_text(facts));
  EXPECT_EQ(back.rank, 3);
  EXPECT_EQ(back.cpus.host.id, "boot-of-a");
  EXPECT_EQ(back.gpus.at(0).bus_id, "0000:17:00.0");
  EXPECT_EQ(back.data_bytes, 17);
  EXPECT_EQ(facts_here(0, "/nonexistent").data_bytes, -1);
}

TEST(Ranks, AnotherProgramOnOneHost) {
  std::vector<RankFacts> facts = {on("a", 0), on("a", 1), on("b", 2)};
  EXPECT_EQ(judge_programs(facts).verdict, Verdict::ok);
  facts[2].instruction = "v3";
  EXPECT_EQ(judge_programs(facts).verdict, Verdict::note);
  facts[2].program = "bsft 0.0.9, program bbbb";
  Finding const odd = judge_programs(facts);
  EXPECT_EQ(odd.verdict, Verdict::fail);
  EXPECT_EQ(odd.found, "rank 2 on b has bsft 0.0.9, program bbbb, others have bsft 0.1.0, program aaaa");
  // One against one: rank 0 is right, whichever digest is first.
  std::vector<RankFacts> two = {on("a", 0), on("b", 1)};
  for (char const* program : {"0", "z"}) {
    two[1].program = program;
    EXPECT_EQ(judge_programs(two).found.find("rank 1 on b has"), 0U);
  }
}

TEST(Ranks, TheWorldThatWasPromised) {
  World world{{{"SLURM_STEP_NUM_TASKS", "4"}, {"PMIX_NAMESPACE", "s"}, {"PMIX_VERSION", "4.2.2"}}, 4, "Open MPI", ""};
  EXPECT_EQ(failing(judge_world(world, {on("a", 0)})), nullptr);
  world.ranks = 1;
  auto const findings = judge_world(world, {on("a", 0)});
  Finding const* const wrong = failing(findings);
  ASSERT_NE(wrong, nullptr);
  EXPECT_EQ(wrong->code, Exit::unavailable);
  EXPECT_NE(wrong->found.find("MPI sees 1 rank where the launcher started 4"), std::string::npos);
  EXPECT_NE(wrong->advice.find("srun --mpi=pmix"), std::string::npos);
}

TEST(Ranks, SlurmsPlugins) {
  EXPECT_EQ(judge_plugins("MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix\nspecific pmix plugin versions available: "
                          "pmix_v4\n")
                .found,
            "none, pmi2, pmix");
  EXPECT_EQ(judge_plugins("MPI plugin types are...\n\tcray_shasta\n\tpmix_v4\n").verdict, Verdict::ok);
  EXPECT_EQ(judge_plugins("MPI plugin types are...\n\tnone\n\tpmi2\n").verdict, Verdict::warning);
  EXPECT_EQ(judge_plugins("").found, "nothing");
}

TEST(Ranks, Gpus) {
  Gpu const first{"H100", "0000:17:00.0", 80}, second{"H100", "0000:65:00.0", 80};
  // None: a note, or a failure where NCCL is asked for.
  EXPECT_EQ(judge_gpus({on("a", 0)}, 1, false).front().verdict, Verdict::note);
  EXPECT_EQ(judge_gpus({on("a", 0)}, 1, true).front().verdict, Verdict::fail);
  // Each sees both and takes its own.
  EXPECT_EQ(failing(judge_gpus({on("a", 0, {first, second}), on("a", 1, {first, second})}, 2, true)), nullptr);
  // Each sees one of its own: a note on what that costs.
  auto const bound = judge_gpus({on("a", 0, {first}), on("a", 1, {second})}, 2, true);
  EXPECT_EQ(failing(bound), nullptr);
  EXPECT_EQ(bound.at(1).verdict, Verdict::note);
  // Both see the same one.
  auto const shared = judge_gpus({on("a", 0, {first}), on("a", 1, {first})}, 2, true);
  Finding const* const wrong = failing(shared);
  ASSERT_NE(wrong, nullptr);
  EXPECT_EQ(wrong->found, "ranks 0 and 1 on one GPU, host a, PCI 0000:17:00.0 (NCCL needs one a rank)");
  // The evaluator needs none.
  EXPECT_EQ(failing(judge_gpus({on("a", 0, {first}), on("a", 1, {first})}, 1, true)), nullptr);
  // Three trainers, two GPUs.
  std::vector<Gpu> const two = {first, second};
  EXPECT_NE(failing(judge_gpus({on("a", 0, two), on("a", 1, two), on("a", 2, two)}, 3, true)), nullptr);
}

TEST(Wires, ARankIsInOnePairOfARound) {
  for (int hosts : {1, 2, 3, 4, 5, 8}) {
    std::vector<RankFacts> facts;
    for (int h = 0; h < hosts; ++h)
      for (int i = 0; i < 3; ++i) facts.push_back(on("h" + std::to_string(h), 3 * h + i));
    int between = 0, inside = 0;
    for (auto const& round : rounds_of(facts)) {
      std::set<int> busy;
      for (Pair const& pair : round) {
        EXPECT_TRUE(busy.insert(pair.first).second && busy.insert(pair.second).second);
        ++(pair.one_host ? inside : between);
      }
    }
    EXPECT_EQ(inside, hosts);
    EXPECT_EQ(between, hosts < 2 ? 0 : hosts == 2 ? 1 : hosts);
  }
  EXPECT_TRUE(rounds_of({on("a", 0)}).empty());
}

TEST(Wires, TheSlowPairIsNamed) {
  std::vector<RankFacts> const facts = {on("a", 0), on("b", 1), on("c", 2), on("d", 3)};
  std::vector<PairSamples> pairs;
  for (int i = 0; i < 4; ++i) {
    PairSamples one{{i, (i + 1) % 4, false}, {}};
    for (std::int64_t const bytes : wire_sizes()) one.samples.push_back({bytes, i == 2 ? 5e-3 : 1e-3, 3});
    pairs.push_back(one);
  }
  auto const findings = judge_pairs(pairs, facts);
  ASSERT_EQ(findings.size(), wire_sizes().size());
  EXPECT_EQ(findings.front().verdict, Verdict::ok);  // latency
  EXPECT_EQ(findings.back().verdict, Verdict::warning);
  EXPECT_NE(findings.back().found.find("the slowest of 4 pairs: ranks 2 (c) and 3 (d)"), std::string::npos);
  EXPECT_DOUBLE_EQ(findings.back().numbers.at("megabytes_per_second"), 26.2144 / 5e-3);
  pairs[2].samples = pairs[1].samples;
  EXPECT_EQ(judge_pairs(pairs, facts).back().verdict, Verdict::ok);
  pairs[2].samples.pop_back();  // a size that one pair had no time for is missing there, and said
  EXPECT_EQ(judge_pairs(pairs, facts).size(), wire_sizes().size() + 1);
  EXPECT_EQ(judge_pairs(pairs, facts).back().verdict, Verdict::note);
}

TEST(Wires, AGroupOfOneIsTimed) {
  auto const self = self_communicator();
  auto const samples = time_all_reduce(*self, 5, at::kCPU);  // fewer repetitions, not fewer sizes, on a busy machine
  ASSERT_EQ(samples.size(), wire_sizes().size());
  for (Sample const& sample : samples) EXPECT_GE(sample.repetitions, 1);
  EXPECT_LT(time_all_reduce(*self, 0, at::kCPU).size(), wire_sizes().size());  // no time at all
  EXPECT_EQ(judge_all_reduce("x", {}, 2).back().verdict, Verdict::note);
}

TEST_F(Storage, ProbesOnThisMachine) {
  fs::path inside;
  {
    ProbeFolder const probe(folder);
    inside = probe.path();
    EXPECT_EQ(inside.parent_path(), folder);
    Lock const flock = probe_flock(inside), fcntl = probe_fcntl(inside);
    EXPECT_TRUE(flock.excludes) << flock.error;
    EXPECT_TRUE(fcntl.excludes) << fcntl.error;
    EXPECT_EQ(probe_rename(inside), "");
    Rate const rate = probe_write(inside, 5 << 20, 10);
    EXPECT_EQ(rate.bytes, 5 << 20);
    EXPECT_GT(rate.per_second(), 0);
    EXPECT_FALSE(fs::exists(inside / "write"));
    EXPECT_LT(probe_write(inside, std::int64_t{1} << 40, 0.05).seconds, 5);  // ends by its time
  }
  EXPECT_FALSE(fs::exists(inside));
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_THROW(ProbeFolder("/proc"), Failed);
  EXPECT_GT(probe_sha256().per_second(), 1e6);
}

TEST_F(Storage, TheParentThatIsThere) {
  EXPECT_EQ(existing(folder), folder);
  EXPECT_EQ(existing(folder / "a" / "b"), folder);
  EXPECT_EQ(existing("none-of-this/at-all"), fs::current_path());
  EXPECT_EQ(existing("/none-of-this/at-all"), "/");
}

TEST(StorageJudged, CheckpointsOfAModel) {
  Shape shape;
  shape.vocabulary = 100, shape.width = 8, shape.layers = 2, shape.heads = 2, shape.kv_heads = 1, shape.head_width = 4;
  shape.feed_forward = 16;
  // A layer: 2·8 norms, q and o 8·8, k and v 4·8, three of 16·8; tables 800; the last norm 8; two rows of 8.
  std::int64_t const layer = 16 + 2 * 64 + 2 * 32 + 3 * 128, all = 800 + 2 * layer + 8 + 16;
  EXPECT_EQ(checkpoint_size(shape, 2, "none").parameters, all);
  EXPECT_EQ(checkpoint_size(shape, 2, "none").bytes, 12 * all);
  EXPECT_EQ(checkpoint_size(shape, 2, "embeddings").trainable, all - 800);
  EXPECT_EQ(checkpoint_size(shape, 2, "all").bytes, 4 * all + 8 * 16);
  shape.tied = false;
  EXPECT_EQ(checkpoint_size(shape, 2, "none").parameters, all + 800 + 16);
}

TEST(StorageJudged, RoomForCheckpoints) {
  CheckpointSize const size{0, 0, 1000 << 20};
  std::int64_t const one = std::int64_t{1200} << 20;
  EXPECT_EQ(judge_space(3 * one, size, 2, 0).verdict, Verdict::ok);
  Finding const full = judge_space(3 * one - 1, size, 2, 0);
  EXPECT_EQ(full.verdict, Verdict::fail);
  EXPECT_EQ(full.code, Exit::io);
  EXPECT_NE(full.advice.find("lower checkpoint.keep"), std::string::npos);
  EXPECT_EQ(judge_space(one, size, 2, 2).verdict, Verdict::ok);  // two are there, one is being written
  EXPECT_EQ(judge_space(one - 1, size, 2, 5).verdict, Verdict::fail);
}

TEST(StorageJudged, SaveAgainstGrace) {
  EXPECT_EQ(mpirun_grace(""), 1);
  EXPECT_EQ(mpirun_grace("45"), 45);
  EXPECT_EQ(mpirun_grace("x"), 1);
  EXPECT_EQ(judge_save(0.5, Launcher::mpirun, false, 1).verdict, Verdict::ok);
  Finding const slow = judge_save(12.3, Launcher::mpirun, false, 1);
  EXPECT_EQ(slow.verdict, Verdict::warning);
  EXPECT_EQ(slow.advice,
            "bsft launch -- mpirun …, which asks by SIGUSR1, or mpirun --mca odls_base_sigkill_timeout 26");
  EXPECT_EQ(judge_save(0.5, Launcher::mpirun, false, 1, 0.4).verdict, Verdict::ok);
  EXPECT_EQ(judge_save(0.5, Launcher::mpirun, false, 1, 0.6).verdict, Verdict::warning);
  EXPECT_EQ(judge_save(12.3, Launcher::mpirun, false, 60).verdict, Verdict::ok);
  Finding const slurm = judge_save(12.3, Launcher::srun, true, 1);
  EXPECT_EQ(slurm.verdict, Verdict::note);
  EXPECT_NE(slurm.advice.find("--signal=B:USR1@73"), std::string::npos);
  EXPECT_EQ(judge_save(12.3, Launcher::hand, false, 1).verdict, Verdict::ok);
}

TEST(StorageJudged, FileSystems) {
  EXPECT_EQ(file_system_name(0x6969), "nfs");
  EXPECT_EQ(file_system_name(0x0BD00BD0), "lustre");
  EXPECT_EQ(file_system_name(0xFF534D42), "cifs");
  EXPECT_EQ(file_system_name(0x12345), "type 0x12345");
  EXPECT_EQ(file_system_of("/proc"), "proc");
}

TEST(Deadlines, ExpireOnceWithTheirStage) {
  std::atomic<int> calls{0};
  std::string stage;
  {
    Deadline deadline(0.05, [&](std::string const& at, Exit code) {
      stage = at + " " + std::to_string(static_cast<int>(code));
      ++calls;
    });
    deadline.at("waiting", Exit::io);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(stage, "waiting 74");
  {
    Deadline deadline(0.05, [&](std::string const&, Exit) { ++calls; });
    deadline.met();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_GT(deadline.elapsed(), 0.09);
  }
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace bsft::doctor
