#include "data/base/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "data/base/error.hpp"
#include "data/base/file.hpp"

extern char** environ;

namespace bsft {
namespace {

constexpr std::string_view supervisor = "BSFT_SUPERVISOR";
constexpr std::array<std::string_view, 9> launcher_variables{"OMPI_",     "PMIX_", "PMI_",   "PRTE_", "SLURM_",
                                                             "MPI_LOCAL", "HYDI_", "HYDRA_", "MV2_"};

std::vector<std::string> environment_of(Variables variables) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view const variable = *entry;
    bool of_launcher = variable.substr(0, supervisor.size()) == supervisor;
    for (std::string_view const prefix : launcher_variables) {
      if (variables == Variables::plain && variable.substr(0, prefix.size()) == prefix) of_launcher = true;
    }
    if (!of_launcher) result.emplace_back(variable);
  }
  result.push_back(std::string(supervisor) + "=" + std::to_string(::getpid()));
  return result;
}

std::string last_line(std::filesystem::path const& log) {
  std::string text;
  try {
    text = read_file(log);
  } catch (Error const&) {
    return "";
  }
  std::string found;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t const end = std::min(text.find('\n', begin), text.size());
    std::string const line = text.substr(begin, end - begin);
    bool const ours = line.rfind("bsft: ", 0) == 0;
    if (ours || (!line.empty() && found.rfind("bsft: ", 0) != 0)) found = line;
    begin = end + 1;
  }
  return found.substr(0, 1000);
}

}  // namespace

Child::Child(std::filesystem::path const& program, std::vector<std::string> const& arguments, std::filesystem::path log,
             Variables kind)
    : log_(std::move(log)) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_of(kind);
  std::vector<char*> const argv = pointers(words), environment = pointers(variables);

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  int const group = kind == Variables::plain ? POSIX_SPAWN_SETPGROUP : 0;
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | group));
  int const failed = ::posix_spawn(&pid_, program.c_str(), &files, &attributes, argv.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) throw Failed(Exit::unavailable, "cannot start " + program.string(), std::strerror(failed));
}

std::optional<ChildEnd> Child::ended(Wait wait) const {
  int status = 0;
  pid_t found = 0;
  do {
    found = ::waitpid(pid_, &status, wait == Wait::yes ? 0 : WNOHANG);
  } while (found < 0 && errno == EINTR);
  if (found < 0) throw Failed(Exit::internal, "cannot wait for a child process", std::strerror(errno));
  if (found == 0) return std::nullopt;
  ChildEnd end;
  end.exit_code = exit_code_of(status);
  if (WIFSIGNALED(status)) {
    end.error = "ended by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  } else if (end.exit_code != 0) {
    end.error = last_line(log_);
    if (end.error.empty()) end.error = "exit code " + std::to_string(end.exit_code) + " without a word";
  }
  return end;
}

void Child::signal(int number) const { ::kill(pid_, number); }

// Once given up it has 2 s to end by itself.
ChildEnd run_child(std::filesystem::path const& program, std::vector<std::string> const& arguments,
                   std::filesystem::path const& log, Variables variables, std::function<bool()> const& give_up) {
  Child const child(program, arguments, log, variables);
  if (!give_up) return *child.ended(Child::Wait::yes);
  constexpr double nap = 0.02, patience = 2;  // s
  double waited = 0;
  bool given_up = false;
  for (;;) {
    if (std::optional<ChildEnd> end = child.ended()) {
      end->given_up = given_up;
      return *end;
    }
    if (given_up && (waited += nap) > patience) child.signal(SIGKILL);
    if (!given_up && give_up()) {
      given_up = true;
      child.signal(SIGTERM);
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(nap));
  }
}

void leave_with_supervisor() {
  char const* parent = std::getenv(std::string(supervisor).c_str());
  if (parent == nullptr) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (std::to_string(::getppid()) != parent) std::_Exit(static_cast<int>(Exit::peer_lost));  // it ended before we asked
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

int exit_code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

std::filesystem::path this_program() {
  std::error_code error;
  auto const path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path("/proc/self/exe") : path;
}

}  // namespace bsft
