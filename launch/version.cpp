#include <H5public.h>
#include <mpi.h>
#include <torch/version.h>

#include <string>

#include "launch/help.hpp"

namespace bsft {

std::string mpi_library() {
  char words[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(words, &length);
  std::string const text(words, static_cast<std::size_t>(length));
  return text.substr(0, text.find_first_of(",\n"));
}

std::string code_version() { return BSFT_VERSION; }

std::string version_text() {
  std::string text = "bsft " + code_version() + "\n";
  text += "libtorch " TORCH_VERSION "\n";

  text += "MPI " + std::to_string(MPI_VERSION) + "." + std::to_string(MPI_SUBVERSION) + ", " + mpi_library() + "\n";

  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  std::string const loaded = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
  std::string const compiled =
      std::to_string(H5_VERS_MAJOR) + "." + std::to_string(H5_VERS_MINOR) + "." + std::to_string(H5_VERS_RELEASE);
  text += "HDF5 " + compiled + (loaded == compiled ? "" : " (loaded " + loaded + ")") + "\n";

  std::string const architectures = BSFT_DEVICE_CODE;
  text += "device code " + (architectures.empty() ? "none (built without CUDA)" : architectures) + "\n";
  return text;
}

}  // namespace bsft
