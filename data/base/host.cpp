#include "data/base/host.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data/base/digest.hpp"

namespace bsft {

Host this_host() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  Host host{name[0] == '\0' ? "localhost" : name, ""};
  std::ifstream("/proc/sys/kernel/random/boot_id") >> host.id;
  if (host.id.empty()) host.id = host.name;
  return host;
}

std::string this_place() {
  std::error_code error;
  return this_host().id + " " + std::filesystem::read_symlink("/proc/self/ns/pid", error).string();
}

std::string process_tag() { return xxh128_hex(this_place()).substr(0, 8) + "-" + std::to_string(::getpid()); }

}  // namespace bsft
