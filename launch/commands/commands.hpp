// The commands of bsft, in the order of use.  Each is a file of this folder.
#pragma once

#include <vector>

#include "launch/options.hpp"

namespace bsft {

std::vector<Command> config_commands();  // config.cpp: show, check, keys, list
Command doctor_command();                // doctor.cpp
Command data_generate_command();         // data_generate.cpp
Command data_build_command();            // data_build.cpp
Command data_inspect_command();          // data_inspect.cpp
Command data_audit_command();            // data_audit.cpp
Command train_command();                 // train.cpp
Command launch_command();                // launch.cpp
Command submit_command();                // submit.cpp
std::vector<Command> sweep_commands();   // sweep.cpp: plan, run, submit, status, report
Command evaluate_command();              // evaluate.cpp
Command compare_command();               // compare.cpp
Command generate_command();              // generate.cpp
Command verify_command();                // verify.cpp
Command report_command();                // report.cpp

// All of them; commands.cpp.
std::vector<Command> const& commands();

}  // namespace bsft
