#include "trainer/evaluate/claims.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <random>

#include "data/base/error.hpp"
#include "data/base/host.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark = ".claim-";
constexpr double elsewhere = 90;  // s

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// When a process began, in the kernel's ticks; empty: it is gone, or has ended and waits for its parent.
std::string began(std::int64_t pid) {
  std::string const file = "/proc/" + std::to_string(pid) + "/stat";
  int const fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char text[2048];
  ssize_t const size = ::read(fd, text, sizeof text);
  ::close(fd);
  std::string_view rest(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  rest.remove_prefix(std::min(rest.rfind(") ") + 2, rest.size()));
  if (rest.empty() || rest[0] == 'Z' || rest[0] == 'X') return "";
  for (int field = 3; field < 22; ++field) rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  return std::string(rest.substr(0, rest.find(' ')));
}

void write(fs::path const& file, int fd, std::string const& text) {
  bool const written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int const code = errno;
  ::close(fd);
  if (written) return;
  ::unlink(file.c_str());
  throw Failed(Exit::io, "cannot write " + file.string(), std::strerror(code));
}

// Makes the file with its content at once where the file system has links, else with O_EXCL.  False: it is there.
bool make(fs::path const& file, std::string const& text) {
  std::random_device random;
  fs::path const mine = file.parent_path() / (".tmp-" + std::to_string(random()) + std::to_string(random()));
  int fd = ::open(mine.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) throw Failed(Exit::io, "cannot make " + mine.string(), std::strerror(errno));
  write(mine, fd, text);
  int code = ::link(mine.c_str(), file.c_str()) == 0 ? 0 : errno;
  ::unlink(mine.c_str());
  if (code == EPERM || code == EOPNOTSUPP || code == ENOSYS) {
    fd = ::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    code = fd < 0 ? errno : 0;
    if (fd >= 0) write(file, fd, text);
  }
  if (code != 0 && code != EEXIST) throw Failed(Exit::io, "cannot make " + file.string(), std::strerror(code));
  return code == 0;
}

}  // namespace

Claims::Claims(fs::path folder, double stale, std::function<void()> on_beat)
    : folder_(std::move(folder)), stale_(stale), on_beat_(std::move(on_beat)), thread_([this] { beat(); }) {}

Claims::~Claims() {
  {
    std::lock_guard const lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (auto const& [name, number] : held_) ::unlink(file_of(name, number).c_str());
}

void Claims::beat() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return ends_; })) {
    for (auto const& [name, number] : held_) ::utimensat(AT_FDCWD, file_of(name, number).c_str(), nullptr, 0);
    if (on_beat_) on_beat_();
  }
}

fs::path Claims::file_of(std::string const& name, int number) const {
  return folder_ / (name + std::string(mark) + std::to_string(number));
}

std::map<std::string, int> Claims::newest() const {
  std::map<std::string, int> numbers;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    std::string const file = entry->path().filename().string();
    std::size_t const at = file.rfind(mark);
    if (at == std::string::npos) continue;
    int number = 0;
    char const* const last = file.data() + file.size();
    auto const [stop, failed] = std::from_chars(file.data() + at + mark.size(), last, number);
    if (failed != std::errc() || stop != last) continue;
    int& highest = numbers[file.substr(0, at)];
    highest = std::max(highest, number);
  }
  return numbers;
}

bool Claims::is_alive(fs::path const& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) return false;
  bool here = false;
  try {
    Json const json = read_json(file, {std::size_t{64} << 10, 4});
    here = json.at("place").get<std::string>() == this_place();
    if (here && began(json.at("pid").get<std::int64_t>()) != json.at("began").get<std::string>()) return false;
  } catch (Json::exception const&) {  // made this moment, or torn: its age decides
  } catch (Error const&) {
  }
  auto const [seen, first] =
      seen_.try_emplace(file.filename().string(), Seen{facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, now()});
  Seen& last = seen->second;
  if (last.seconds != facts.st_mtim.tv_sec || last.nanoseconds != facts.st_mtim.tv_nsec)
    last = {facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, now()};
  return now() - last.since < (here ? stale_ : std::max(stale_, elsewhere));
}

bool Claims::take(std::string const& name) {
  auto const numbers = newest();
  auto const last = numbers.find(name);
  int const before = last == numbers.end() ? 0 : last->second;
  {
    std::lock_guard const lock(mutex_);
    auto const mine = held_.find(name);
    if (mine != held_.end() && mine->second == before) return true;
    if (mine != held_.end()) held_.erase(mine);  // it was taken from us
  }
  if (before > 0 && is_alive(file_of(name, before))) return false;
  fs::path const file = file_of(name, before + 1);
  OrderedJson const json = {{"place", this_place()}, {"pid", ::getpid()}, {"began", began(::getpid())}};
  if (!make(file, json.dump() + "\n")) return false;
  for (int number = before; number > 0 && ::unlink(file_of(name, number).c_str()) == 0; --number) {
  }
  std::lock_guard const lock(mutex_);
  held_[name] = before + 1;
  return true;
}

void Claims::drop(std::string const& name) {
  std::lock_guard const lock(mutex_);
  auto const mine = held_.find(name);
  if (mine == held_.end()) return;
  ::unlink(file_of(name, mine->second).c_str());
  held_.erase(mine);
}

bool Claims::is_held(std::string const& name) {
  auto const numbers = newest();
  auto const last = numbers.find(name);
  return last != numbers.end() && is_alive(file_of(name, last->second));
}

double Claims::seconds_untouched(std::string const& name) const {
  auto const numbers = newest();
  auto const last = numbers.find(name);
  struct stat facts {};
  if (last == numbers.end() || ::stat(file_of(name, last->second).c_str(), &facts) != 0) return 0;
  std::chrono::seconds const touched(facts.st_mtim.tv_sec);
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch() - touched).count();
}

bool Claims::any_held(std::string const& beginning) {
  for (auto const& [name, number] : newest()) {
    if (name.rfind(beginning, 0) == 0 && is_alive(file_of(name, number))) return true;
  }
  return false;
}

}  // namespace bsft
