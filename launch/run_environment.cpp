#include "launch/run_environment.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include "data/base/file.hpp"
#include "data/base/host.hpp"
#include "data/base/json.hpp"

extern char** environ;

namespace bsft {
namespace {

constexpr std::array<std::string_view, 6> kept = {"SLURM_", "OMPI_", "NCCL_", "UCX_", "OMP_", "CUDA_"};
constexpr std::array<std::string_view, 5> secret = {"KEY", "TOKEN", "SECRET", "PASS", "JWT"};

std::string now() {
  std::time_t const time = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

bool is_kept_with_run(std::string const& variable) {
  std::string name = variable;
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  auto const within = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  if (std::any_of(secret.begin(), secret.end(), within)) return false;
  auto const begins = [&](std::string_view prefix) { return variable.compare(0, prefix.size(), prefix) == 0; };
  return variable == "LOADEDMODULES" || std::any_of(kept.begin(), kept.end(), begins);
}

void note_environment(std::filesystem::path const& run_dir) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string const text = *entry;
    auto const equals = text.find('=');
    if (equals != std::string::npos && is_kept_with_run(text.substr(0, equals)))
      variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  OrderedJson const line = {{"started", now()}, {"host", this_host().name}, {"variables", variables}};
  append_line(run_dir / "environment.jsonl", line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

}  // namespace bsft
