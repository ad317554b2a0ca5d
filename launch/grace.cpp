#include "launch/grace.hpp"

#include <algorithm>
#include <cstdlib>

#include "launch/doctor/storage.hpp"

namespace bsft {
namespace {

constexpr double slurm_kill_wait = 30;  // s, KillWait of slurm.conf where a site has not changed it

}  // namespace

Grace::Grace(std::int64_t checkpoint_bytes, std::filesystem::path const& folder, Environment const& environment)
    : launcher_(launcher_of(environment)) {
  bool const slurm = std::getenv("SLURM_JOB_ID") != nullptr;
  kills_ = environment.count("BSFT_LAUNCH") == 0 && (launcher_ == Launcher::mpirun || slurm);
  if (!kills_) return;
  constexpr std::int64_t most_bytes = 32 << 20;
  constexpr double most_seconds = 0.5;
  try {
    std::int64_t const tried = std::min(checkpoint_bytes, most_bytes);
    save_seconds_ = doctor::seconds_of_save(tried, folder, most_seconds) * static_cast<double>(checkpoint_bytes) /
                    static_cast<double>(tried);
  } catch (std::exception const&) {
    kills_ = false;
  }
}

std::string Grace::after_step(double median_step_seconds) {
  constexpr int known = 5;  // steps
  return ++steps_ == known ? judge(median_step_seconds) : "";
}

std::string Grace::judge(double step_seconds) {
  if (!kills_ || said_) return "";
  doctor::Finding const finding = doctor::judge_save_here(save_seconds_, launcher_, step_seconds);
  bool const late = launcher_ == Launcher::srun && save_seconds_ + step_seconds > slurm_kill_wait;
  if (finding.verdict != doctor::Verdict::warning && !late) return "";
  said_ = true;
  return "warning: a save takes " + finding.found + ": " + finding.advice;
}

}  // namespace bsft
