// The commands of bsft, in the order of use.  Each is a file of this folder.
#pragma once

#include "launch/options.hpp"

namespace bsft {

Command config_command();         // config.cpp
Command data_generate_command();  // data_generate.cpp
Command data_build_command();     // data_build.cpp
Command data_inspect_command();   // data_inspect.cpp
Command data_audit_command();     // data_audit.cpp
Command train_command();          // train.cpp
Command sweep_command();          // sweep.cpp
Command evaluate_command();       // evaluate.cpp
Command generate_command();       // generate.cpp
Command report_command();         // report.cpp

}  // namespace bsft
