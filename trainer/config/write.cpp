#include "data/base/digest.hpp"
#include "trainer/config/config.hpp"
#include "trainer/config/keys.hpp"

namespace bsft {
namespace {

// Keys that say where, how loudly, how patiently and by whom it is scored, not what: two runs that differ only in them
// are the same run.
bool is_incidental(std::string const& name) {
  return name == "run.dir" || name == "checkpoint.resume" || name.rfind("log.", 0) == 0 ||
         name == "parallel.hang_seconds" || name == "parallel.startup_seconds" || name == "parallel.evaluator_ranks" ||
         name == "evaluate.timeout";
}

enum class Which { all, of_the_run };

// keys() lists a section's keys together, so each section opens once.
std::string yaml(Config const& config, Which which) {
  std::string text;
  std::vector<std::string> open;
  for (Key const& key : keys()) {
    if (which == Which::of_the_run && is_incidental(key.name)) continue;
    std::vector<std::string> path;
    std::size_t begin = 0;
    for (std::size_t dot; (dot = key.name.find('.', begin)) != std::string::npos; begin = dot + 1)
      path.push_back(key.name.substr(begin, dot - begin));
    std::size_t shared = 0;
    while (shared < path.size() && shared < open.size() && path[shared] == open[shared]) ++shared;
    for (std::size_t i = shared; i < path.size(); ++i) text += std::string(2 * i, ' ') + path[i] + ":\n";
    text += std::string(2 * path.size(), ' ') + key.name.substr(begin) + ": " + written(key, config) + "\n";
    open = path;
  }
  return text;
}

}  // namespace

std::string to_yaml(Config const& config) { return yaml(config, Which::all); }

std::string digest_of(Config const& config) { return xxh128_hex(yaml(config, Which::of_the_run)); }

std::map<std::string, std::pair<std::string, std::string>> difference(Config const& a, Config const& b) {
  std::map<std::string, std::pair<std::string, std::string>> differs;
  for (Key const& key : keys()) {
    std::string const left = written(key, a), right = written(key, b);
    if (left != right && !is_incidental(key.name)) differs[key.name] = {left, right};
  }
  return differs;
}

}  // namespace bsft
