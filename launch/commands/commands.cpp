#include "launch/commands/commands.hpp"

namespace bsft {

std::vector<Command> const& commands() {
  static std::vector<Command> const table = [] {
    std::vector<Command> all = config_commands();
    all.push_back(doctor_command());
    all.push_back(data_generate_command());
    all.push_back(data_build_command());
    all.push_back(data_inspect_command());
    all.push_back(data_audit_command());
    all.push_back(train_command());
    all.push_back(launch_command());
    all.push_back(submit_command());
    for (Command& command : sweep_commands()) all.push_back(std::move(command));
    all.push_back(evaluate_command());
    all.push_back(compare_command());
    all.push_back(generate_command());
    all.push_back(verify_command());
    all.push_back(report_command());
    return all;
  }();
  return table;
}

}  // namespace bsft
