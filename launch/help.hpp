// Texts that bsft prints about itself: the overview, the topics of `bsft help TOPIC`, and its version.
//
// The overview is made from the command table, so it lists exactly the commands that exist; a first word shared by
// several commands ("data") is one line with their second words.
#pragma once

#include <string>
#include <vector>

#include "launch/options.hpp"

namespace bsft {

std::string overview(std::vector<Command> const& commands);
// The names help_topic knows, in the order of the overview.
std::vector<std::string> help_topics();
// Invalid(usage) with the nearest topic where there is none of this name.
std::string help_topic(std::string const& topic);
// "0.1.0": another number where results may be others.
std::string code_version();
// bsft's own version and those of the libraries it was compiled with and has loaded.
std::string version_text();
// "Open MPI v4.1.4", as the library that is loaded says; also before MPI_Init.
std::string mpi_library();

}  // namespace bsft
