#include "launch/sweep/sweep_runs.hpp"

#include <algorithm>
#include <map>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "data/store/reader.hpp"
#include "launch/help.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

fs::path noted_digests(fs::path const& folder) { return folder / "data.json"; }

// Of each data file; a file is read once.
class DataDigests {
 public:
  explicit DataDigests(fs::path const& folder) : noted_(noted_digests(folder)) {}

  std::string of(std::string const& file, Files files) {
    auto const known = digests_.find(file);
    if (known != digests_.end()) return known->second;
    std::error_code error;
    bool const there = files == Files::must_exist || fs::exists(file, error);
    return digests_[file] = there ? StoreReader(file).catalog().data_digest : noted(file);
  }

 private:
  std::string noted(std::string const& file) const {
    std::error_code error;
    if (!fs::exists(noted_, error)) return "";
    Json const digests = read_json(noted_);
    auto const found = digests.find(file);
    return found != digests.end() && found->is_string() ? found->get<std::string>() : "";
  }

  fs::path noted_;
  std::map<std::string, std::string> digests_;
};

}  // namespace

std::string run_id(std::string_view config_digest, std::string_view data_digest, std::string_view version) {
  return Digest().add(config_digest).add(data_digest).add(version).hex().substr(0, 12);
}

SweepRuns open_sweep(fs::path const& file, Files files) {
  Sweep sweep = read_sweep(file, files);
  SweepRuns result{sweep.name, sweep.metric, file, fs::path("runs") / sweep.name, {}, sweep.halving, sweep.slurm};
  DataDigests digests(result.folder);
  for (Arm& arm : sweep.arms) {
    std::string const data = digests.of(arm.config.data.file, files);
    std::string const id = data.empty() ? "" : run_id(arm.digest, data, code_version());
    arm.config.run.dir = (result.folder / id).string();
    result.runs.push_back({std::move(arm), data, id});
  }
  return result;
}

void prepare(SweepRuns const& sweep, std::vector<SweepRun const*> const& runs) {
  for (fs::path const& folder : {sweep.folder / "arms", sweep.claims()}) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw Failed(Exit::io, "cannot make " + folder.string(), error.message(), "run it where you may write");
  }
  OrderedJson digests = OrderedJson::object();
  for (SweepRun const& run : sweep.runs) digests[run.arm.config.data.file] = run.data_digest;
  write_atomically(noted_digests(sweep.folder), digests.dump(1) + "\n");
  for (SweepRun const* run : runs) write_atomically(sweep.arm_file(*run, ".yaml"), to_yaml(run->arm.config));
}

std::vector<NamedRuns> runs_by_arm(SweepRuns const& sweep) {
  std::vector<NamedRuns> arms;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    auto found = std::ranges::find(arms, sweep.runs[i].arm.name, &NamedRuns::name);
    if (found == arms.end()) found = arms.insert(arms.end(), {sweep.runs[i].arm.name, {}});
    found->runs.push_back(i);
  }
  return arms;
}

std::vector<std::string> keys_of(SweepRuns const& sweep) {
  std::vector<std::string> names;
  for (SweepRun const& run : sweep.runs)
    for (auto const& [key, value] : run.arm.keys)
      if (std::find(names.begin(), names.end(), key) == names.end()) names.push_back(key);
  return names;
}

std::string value_of(SweepRun const& run, std::string const& key) {
  for (auto const& [name, value] : run.arm.keys)
    if (name == key) return value;
  return "";
}

}  // namespace bsft
