#include "launch/commands/commands.hpp"

namespace bsft {

std::vector<Command> const& commands() {
  static std::vector<Command> const table = [] {
    std::vector<Command> all;
#if __has_include("launch/commands/config.cpp")
    for (Command& command : config_commands()) all.push_back(std::move(command));
#endif
#if __has_include("launch/commands/data_generate.cpp")
    all.push_back(data_generate_command());
#endif
#if __has_include("launch/commands/data_build.cpp")
    all.push_back(data_build_command());
#endif
#if __has_include("launch/commands/data_inspect.cpp")
    all.push_back(data_inspect_command());
#endif
#if __has_include("launch/commands/data_audit.cpp")
    all.push_back(data_audit_command());
#endif
#if __has_include("launch/commands/train.cpp")
    all.push_back(train_command());
#endif
#if __has_include("launch/commands/sweep.cpp")
    for (Command& command : sweep_commands()) all.push_back(std::move(command));
#endif
#if __has_include("launch/commands/evaluate.cpp")
    all.push_back(evaluate_command());
#endif
#if __has_include("launch/commands/generate.cpp")
    all.push_back(generate_command());
#endif
#if __has_include("launch/commands/report.cpp")
    all.push_back(report_command());
#endif
    return all;
  }();
  return table;
}

}  // namespace bsft
