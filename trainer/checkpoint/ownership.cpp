#include "trainer/checkpoint/ownership.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "data/base/json.hpp"
#include "trainer/checkpoint/layout.hpp"
#include "trainer/checkpoint/manifest.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

fs::path owners_of(fs::path const& run_dir) { return run_dir / ".owners"; }

std::string name_of(std::int64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%08" PRId64, number);
  return name;
}

std::vector<std::int64_t> numbers(fs::path const& run_dir) {
  std::vector<std::int64_t> found;
  std::error_code error;
  for (fs::directory_iterator entry(owners_of(run_dir), error), end; !error && entry != end; entry.increment(error)) {
    std::string const name = entry->path().filename().string();
    std::int64_t number = 0;
    if (std::sscanf(name.c_str(), "%" SCNd64, &number) == 1 && name == name_of(number)) found.push_back(number);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Of a Slurm job, and nothing else: it is given to programs.
std::string this_job() {
  char const* const job = std::getenv("SLURM_JOB_ID");
  std::string const text = job != nullptr ? job : "";
  bool const number = text.find_first_not_of("0123456789") == std::string::npos && text.size() <= 20;
  return number ? text : "";
}

std::string random_words() {
  std::random_device random;
  char text[40];
  std::snprintf(text, sizeof text, "%08x%08x%08x%08x", random(), random(), random(), random());
  return text;
}

std::string to_json(Owner const& owner) {
  OrderedJson const json = {{"host", owner.host}, {"boot", owner.boot},   {"pid", owner.pid},
                            {"job", owner.job},   {"nonce", owner.nonce}, {"released", owner.released}};
  return json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace

std::optional<Owner> last_owner(fs::path const& run_dir) {
  std::vector<std::int64_t> const found = numbers(run_dir);
  if (found.empty()) return std::nullopt;
  Owner owner;
  owner.number = found.back();
  fs::path const file = owners_of(run_dir) / name_of(owner.number);
  try {
    Json const json = read_json(file, {std::size_t{64} << 10, 4});
    owner.host = json.at("host").get<std::string>();
    owner.boot = json.at("boot").get<std::string>();
    owner.pid = json.at("pid").get<std::int64_t>();
    owner.job = json.at("job").get<std::string>();
    owner.nonce = json.at("nonce").get<std::string>();
    owner.released = json.at("released").get<bool>();
  } catch (Json::exception const&) {  // says nothing about who it is
  } catch (Error const&) {
  }
  return owner;
}

bool has_let_go(Owner const& owner, JobEnded const& ended) {
  if (owner.released || (!owner.boot.empty() && owner.boot == this_host().id)) return true;
  if (owner.job.empty()) return false;
  return owner.job == this_job() || (ended && ended(owner.job));
}

bool has_ended(Owner const& owner, JobEnded const& ended) {
  if (owner.released) return true;
  if (!owner.boot.empty() && owner.boot == this_host().id)
    return ::kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH;
  return !owner.job.empty() && owner.job != this_job() && ended && ended(owner.job);
}

Owner take_over(fs::path const& run_dir) {
  fs::path const folder = owners_of(run_dir);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw Failed(Exit::io, "cannot make " + folder.string(), std::strerror(errno), "check run.dir");
  std::int64_t last = 0;
  for (std::int64_t const number : numbers(run_dir)) last = std::max(last, number);
  for (std::int64_t const step : published_steps(run_dir)) {
    try {
      last = std::max(last, read_manifest(checkpoint_of(run_dir, step)).owner);
    } catch (Error const&) {  // a damaged one has no say
    }
  }
  Host const host = this_host();
  Owner const owner{last + 1, ::getpid(), host.name, host.id, this_job(), random_words(), false};
  fs::path const temporary = folder / (".tmp-" + owner.nonce), file = folder / name_of(owner.number);
  write_atomically(temporary, to_json(owner));
  int const linked = ::link(temporary.c_str(), file.c_str());
  int code = linked == 0 ? 0 : errno;
  if (code == EPERM || code == EOPNOTSUPP || code == ENOSYS) {  // a file system without links
    int const made = ::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    code = made >= 0 ? 0 : errno;
    if (made >= 0) {
      ::close(made);
      write_atomically(file, to_json(owner));
    }
  }
  ::unlink(temporary.c_str());
  if (code == EEXIST)
    throw Invalid(Exit::locked, run_dir.string() + " is in use", "another job took it at the same moment",
                  "wait for it, or set another run.dir");
  if (code != 0) throw Failed(Exit::io, "cannot make " + file.string(), std::strerror(code), "check run.dir");
  sync_path(folder);
  for (std::int64_t const number : numbers(run_dir)) {
    if (number < last) ::unlink((folder / name_of(number)).c_str());
  }
  return owner;
}

void release(fs::path const& run_dir, Owner owner) {
  owner.released = true;
  write_atomically(owners_of(run_dir) / name_of(owner.number), to_json(owner));
}

void require_owner(fs::path const& run_dir, std::int64_t number) {
  std::vector<std::int64_t> const found = numbers(run_dir);
  if (!found.empty() && found.back() == number) return;
  throw Invalid(Exit::locked, run_dir.string() + " has another owner now",
                "owner " + (found.empty() ? "none" : std::to_string(found.back())) + ", this job is owner " +
                    std::to_string(number) + " and publishes nothing more",
                "end one of the two jobs");
}

}  // namespace bsft
