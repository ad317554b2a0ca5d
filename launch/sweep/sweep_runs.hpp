// The runs of a sweep: who each of them is, and where its files lie.
//
//   runs/SWEEP/ID/              the run's folder
//   runs/SWEEP/arms/ID.yaml     its configuration       ID.log  its last attempt's output      ID.jsonl  attempts.hpp
//   runs/SWEEP/data.json        {data file: digest}, for who looks at the results where the data is not
//   runs/SWEEP/.claims/         who has which run in hand (claims.hpp)
// An id is the start of a digest of the resolved configuration, the data's digest and the version of the program
// (`bsft --version`): what is edited is another run, and what is not keeps its folder and its results.  Building the
// program again changes no id; a version whose results differ has another number.
// Errors: Findings(config) of read_sweep; Broken or Invalid(data) for a data file that cannot be read.  Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/config/sweep.hpp"

namespace bsft {

inline constexpr double claim_stale = 30;  // s

struct SweepRun {
  Arm arm;
  std::string data_digest;
  std::string id;  // 12 hex digits; empty where the data's digest is not known
};

struct SweepRuns {
  std::string name, metric;
  std::filesystem::path file, folder;
  std::vector<SweepRun> runs;
  Halving halving;
  Yaml slurm;

  std::filesystem::path run_dir(SweepRun const& run) const { return folder / run.id; }
  std::filesystem::path arm_file(SweepRun const& run, std::string const& extension) const {
    return folder / "arms" / (run.id + extension);
  }
  std::filesystem::path claims() const { return folder / ".claims"; }
};

std::string run_id(std::string_view config_digest, std::string_view data_digest, std::string_view version);
// may_lack: a data file that is not there has the digest that was noted, or none.
SweepRuns open_sweep(std::filesystem::path const& file, Files files);
// Runs that differ in their seed alone: their numbers, arms and runs in the file's order.
struct NamedRuns {
  std::string name;
  std::vector<std::size_t> runs;
};
std::vector<NamedRuns> runs_by_arm(SweepRuns const& sweep);
// Makes the folders, notes the digests of the data, and writes the configurations of these runs.
void prepare(SweepRuns const& sweep, std::vector<SweepRun const*> const& runs);
// The keys that any arm sets, in the file's order.
std::vector<std::string> keys_of(SweepRuns const& sweep);
// A run's value of one of these, empty where it does not set it.
std::string value_of(SweepRun const& run, std::string const& key);

}  // namespace bsft
