#include "launch/slurm/client.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sstream>
#include <string_view>
#include <thread>

#include "data/base/child.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"

extern char** environ;

namespace bsft::slurm {

namespace fs = std::filesystem;

namespace {

constexpr int no_program = 127, not_in_time = 124;
constexpr int submit_seconds = 120;
constexpr std::size_t most_bytes = std::size_t{1} << 20;  // of an answer

// A file without a name.
class Memory {
 public:
  explicit Memory(std::string_view content = {}) : file_(::memfd_create("slurm", MFD_CLOEXEC)) {
    if (file_ < 0) throw Failed(Exit::unavailable, "no memory for an answer of Slurm", std::strerror(errno));
    for (std::size_t done = 0; done < content.size();) {
      ssize_t const count = ::write(file_, content.data() + done, content.size() - done);
      if (count < 0 && errno != EINTR) throw Failed(Exit::io, "cannot write to memory", std::strerror(errno));
      done += static_cast<std::size_t>(std::max<ssize_t>(0, count));
    }
    ::lseek(file_, 0, SEEK_SET);
  }
  ~Memory() { ::close(file_); }
  Memory(Memory const&) = delete;
  Memory& operator=(Memory const&) = delete;
  int id() const { return file_; }
  std::string text() const {
    std::string text(most_bytes, '\0');
    ssize_t const count = ::pread(file_, text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    return text;
  }

 private:
  int file_;
};

bool begins(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// "NAME=value": whether Slurm's programs may see it.
bool is_theirs(std::string_view variable) {
  std::string_view const name = variable.substr(0, variable.find('='));
  for (std::string_view const kept : {"SLURM_CONF", "SLURM_JWT"})
    if (name == kept) return true;
  for (std::string_view const job : {"SLURM_", "SLURMD_", "SRUN_", "PMIX_", "PMI_", "PRTE_", "OMPI_COMM_WORLD_",
                                     "OMPI_UNIVERSE_", "OMPI_MCA_orte_", "OMPI_MCA_ess_", "BSFT_"})
    if (begins(name, job)) return false;
  for (std::string_view const said :  // by the script
       {"SBATCH_ARRAY_INX", "SBATCH_EXPORT", "SBATCH_GPUS_PER_NODE", "SBATCH_JOB_NAME", "SBATCH_NO_REQUEUE",
        "SBATCH_OPEN_MODE", "SBATCH_OUTPUT", "SBATCH_ERROR", "SBATCH_REQUEUE", "SBATCH_SIGNAL", "SBATCH_TIMELIMIT"})
    if (name == said) return false;
  return true;
}

int end_of(pid_t child, int seconds) {
  using Clock = std::chrono::steady_clock;
  auto const end = Clock::now() + std::chrono::seconds(seconds);
  for (bool killed = false;;) {
    int status = 0;
    pid_t const ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) {
      return killed ? not_in_time : exit_code_of(status);
    }
    if (ended < 0 && errno != EINTR) throw Failed(Exit::internal, "cannot wait for a child", std::strerror(errno));
    if (!killed && Clock::now() > end) {
      ::kill(child, SIGKILL);
      killed = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// Of what sbatch says: its first error, or its last line.
std::string reason_of(Answer const& answer) {
  std::string reason;
  std::istringstream lines(answer.error);
  for (std::string line; reason.empty() && std::getline(lines, line);)
    if (auto const at = line.find("error: "); at != std::string::npos) reason = line.substr(at + 7);
  if (!reason.empty()) return reason;
  lines = std::istringstream(answer.error);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) reason = line;
  return reason.empty() ? "exit code " + std::to_string(answer.exit_code) + " without a word" : reason;
}

void require(Answer const& answer) {
  if (answer.exit_code == 0) return;
  if (answer.exit_code == no_program)
    throw Unavailable("there is no sbatch on PATH", "this is no machine of a Slurm cluster",
                      "go to a login node, or see the script with bsft submit --print");
  std::string const reason = reason_of(answer);
  auto const says = [&](char const* words) { return answer.error.find(words) != std::string::npos; };
  bool const late = answer.exit_code == not_in_time;
  if (late || says("Unable to contact") || says("configuration source"))
    throw Unavailable("Slurm does not answer", late ? "not in time" : reason, "look with sinfo, and submit again");
  throw Invalid(
      Exit::usage, "Slurm refuses the job", reason,
      says("artition") ? "sinfo lists the partitions" : "change slurm/site.yaml or the options of bsft submit");
}

}  // namespace

Answer ask(std::vector<std::string> const& words, int seconds, std::string const& input) {
  Memory const in(input), out, error;
  std::vector<std::string> argv = words, variables;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (is_theirs(*entry)) variables.emplace_back(*entry);
  std::vector<char*> const arguments = pointers(argv), environment = pointers(variables);

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&files, in.id(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, out.id(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, error.id(), STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  int const failed = ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) return {no_program, "", std::strerror(failed)};
  int const code = end_of(child, seconds);
  return {code, out.text(), error.text()};
}

std::string submit(BatchJob const& job, Site const& site) {
  std::string const script = script_of(job, site);
  std::vector<std::string> sbatch = {"sbatch", "--parsable"};  // a variable SBATCH_… would win over the script
  if (!site.account.empty()) sbatch.push_back("--account=" + site.account);
  if (!site.partition.empty()) sbatch.push_back("--partition=" + site.partition);
  std::vector<std::string> test = sbatch;
  test.emplace_back("--test-only");
  require(ask(test, submit_seconds, script));
  std::error_code error;
  fs::path const file = script_file(job);
  if (fs::create_directories(file.parent_path(), error))
    fs::permissions(file.parent_path(), fs::perms::owner_all, error);
  write_atomically(file, script);
  sbatch.push_back(file.string());
  Answer const answer = ask(sbatch, submit_seconds);
  require(answer);
  return answer.out.substr(0, answer.out.find_first_of(";\n"));  // "4711;cluster"
}

bool job_ended(std::string const& job) {
  if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) return false;
  Answer const answer = ask({"squeue", "--noheader", "--jobs", job, "--format", "%T"}, 5);
  if (answer.exit_code == 0) return answer.out.find_first_not_of(" \n") == std::string::npos;
  return answer.error.find("Invalid job id") != std::string::npos;
}

std::string mpi_plugins() {
  Answer const answer = ask({"srun", "--mpi=list"}, 10);
  return answer.exit_code == 0 ? answer.out + answer.error : "";
}

}  // namespace bsft::slurm
