#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/config/config.hpp"
#include "trainer/config/keys.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

Option const config_option{"config", "C.yaml", "the configuration", "", true, false};
Option const set_option{"set", "key=value", "override a key, e.g. --set optimizer.learning_rate=1e-4", "", false, true};

int show(Arguments const& arguments) {
  Config const config = read_config(arguments.text("config"), arguments.list("set"), Files::may_lack);
  std::fputs(to_yaml(config).c_str(), stdout);
  return 0;
}

int check_file(Arguments const& arguments) {
  Files const files = arguments.has("without-files") ? Files::may_lack : Files::must_exist;
  Config const config = read_config(arguments.text("config"), arguments.list("set"), files);
  std::printf("%s: right, digest %s\n", arguments.text("config").c_str(), digest_of(config).c_str());
  return 0;
}

int print_keys(Arguments const& arguments) {
  std::string const pattern = arguments.positional.empty() ? "" : arguments.positional.front();
  std::fputs(keys_markdown(pattern).c_str(), stdout);
  return 0;
}

// The first comment line of a file says what it is for.
int list(Arguments const& arguments) {
  fs::path const folder = arguments.positional.empty() ? fs::path("configs") : fs::path(arguments.positional.front());
  if (!fs::is_directory(folder))
    throw Invalid(Exit::config, folder.string(), "no such folder", "run it in the source tree, or name a folder");
  std::vector<fs::path> files;
  for (fs::directory_entry const& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (fs::path const& file : files) {
    std::ifstream stream(file);
    std::string line;
    std::getline(stream, line);
    line.erase(0, std::min(line.find_first_not_of("# "), line.size()));
    std::printf("%-32s %s\n", file.c_str(), line.c_str());
  }
  return 0;
}

}  // namespace

std::vector<Command> config_commands() {
  return {
      {"config list", "Prepare", "the configurations of a folder, with their first line", "[FOLDER]", {}, {}, list},
      {"config check",
       "Prepare",
       "everything that is wrong with a configuration, with line and column",
       "",
       {config_option,
        set_option,
        {"without-files", "", "model.path and data.file need not be there", "", false, false}},
       {"bsft config check --config configs/quickstart.yaml"},
       check_file},
      {"config show",
       "Prepare",
       "the resolved configuration: every key with its value",
       "",
       {config_option, set_option},
       {"bsft config show --config configs/quickstart.yaml --set run.seed=2"},
       show},
      {"config keys",
       "Prepare",
       "every key with its range, unit and default",
       "[PATTERN]",
       {},
       {"bsft config keys scheduler"},
       print_keys},
  };
}

}  // namespace bsft
