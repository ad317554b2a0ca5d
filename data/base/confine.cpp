#include "data/base/confine.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "data/base/error.hpp"

namespace bsft {
namespace {

std::uint64_t mapped_bytes() {
  unsigned long long pages = 0;
  if (std::FILE* const statm = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(statm, "%llu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void limit(__rlimit_resource which, rlim_t soft, rlim_t hard) {
  rlimit now{};
  ::getrlimit(which, &now);
  rlimit const wanted{std::min(soft, now.rlim_max), std::min(hard, now.rlim_max)};
  ::setrlimit(which, &wanted);
}

void confine_me(ConfinedLimits const& limits) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int const signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGTERM, SIGINT})
    ::signal(signal, SIG_DFL);
  int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing >= 0)
    for (int const stream : {1, 2}) ::dup2(nothing, stream);
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1);
  rlim_t const memory = mapped_bytes() + limits.memory;
  limit(RLIMIT_AS, memory, memory);
}

// "CODE TEXT", and code 0 where all went well.
std::string verdict_of(ConfinedLimits const& limits, std::function<void()> const& work) {
  try {
    work();
    return "0 ";
  } catch (Error const& error) {
    return std::to_string(static_cast<int>(error.code())) + " " + error.what();
  } catch (std::bad_alloc const&) {
    return "m it takes more than " + std::to_string(limits.memory >> 20) + " MiB of memory";
  } catch (std::exception const& error) {
    return std::to_string(static_cast<int>(Exit::internal)) + " " + error.what();
  }
}

void write_all(int fd, std::string const& text) {
  for (std::size_t done = 0; done < text.size();) {
    ssize_t const n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

std::string read_all(int fd) {
  std::string text;
  char block[4096];
  for (;;) {
    ssize_t const n = ::read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(block, static_cast<std::size_t>(n));
  }
}

std::string ended_by(int signal, ConfinedLimits const& limits) {
  if (signal == SIGXCPU || signal == SIGKILL)
    return "reading it takes more than " + std::to_string(limits.cpu_seconds) + " s of CPU time, or was killed";
  return std::string("reading it ends in signal ") + std::to_string(signal) + ", " + ::strsignal(signal);
}

}  // namespace

void confine(std::string const& where, ConfinedLimits const& limits, std::function<void()> const& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Failed(Exit::unavailable, "cannot make a pipe", std::strerror(errno));
  pid_t const child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    confine_me(limits);
    write_all(ends[1], verdict_of(limits, work));
    ::_exit(0);
  }
  int const failed = errno;
  ::close(ends[1]);
  std::string const verdict = child > 0 ? read_all(ends[0]) : std::string();
  ::close(ends[0]);
  if (child < 0) throw Failed(Exit::unavailable, "cannot start a process to read " + where, std::strerror(failed));
  int status = 0;
  pid_t waited;
  while ((waited = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  if (waited == child && WIFSIGNALED(status)) throw Broken(where, ended_by(WTERMSIG(status), limits), build_again);
  std::size_t const space = verdict.find(' ');
  if (space == std::string::npos) throw Broken(where, "reading it ends without a verdict", build_again);
  std::string const code = verdict.substr(0, space), text = verdict.substr(space + 1);
  if (code == "0") return;
  if (code == "m") throw Broken(where, text, build_again);
  auto const exit = static_cast<Exit>(std::atoi(code.c_str()));
  if (exit == Exit::data) throw Broken(text);
  throw Error(exit, text);
}

}  // namespace bsft
