#include "launch/slurm_job.hpp"

#include <unistd.h>

#include <filesystem>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "trainer/evaluate/child.hpp"

namespace bsft {

namespace fs = std::filesystem;

bool slurm_job_ended(std::string const& job) {
  if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) return false;
  fs::path const log = fs::temp_directory_path() / ("bsft_squeue_" + std::to_string(::getpid()));
  bool ended = false;
  try {
    ChildEnd const end =
        run_child("/usr/bin/env", {"timeout", "5", "squeue", "--noheader", "--jobs", job, "--format", "%T"}, log,
                  Variables::kept);
    std::string const said = read_file(log, std::size_t{1} << 20);
    ended = end.exit_code == 0 ? said.find_first_not_of(" \n") == std::string::npos
                               : said.find("Invalid job id") != std::string::npos;
  } catch (Error const&) {  // no answer
  }
  std::error_code ignored;
  fs::remove(log, ignored);
  return ended;
}

}  // namespace bsft
