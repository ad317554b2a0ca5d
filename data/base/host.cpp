#include "data/base/host.hpp"

#include <unistd.h>

#include <fstream>

namespace bsft {

Host this_host() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  Host host{name[0] == '\0' ? "localhost" : name, ""};
  std::ifstream("/proc/sys/kernel/random/boot_id") >> host.id;
  if (host.id.empty()) host.id = host.name;
  return host;
}

}  // namespace bsft
