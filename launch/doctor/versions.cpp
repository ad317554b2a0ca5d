#include "launch/doctor/versions.hpp"

#include <ATen/Version.h>
#include <H5public.h>
#include <dlfcn.h>
#include <mpi.h>
#include <torch/version.h>
#include <boost/version.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <regex>

#include "data/base/digest.hpp"
#include "data/base/file.hpp"
#include "kernels/run/cpu.hpp"
#include "launch/help.hpp"
#include "trainer/comm/gpus.hpp"
#include "trainer/comm/nccl.hpp"

namespace bsft::doctor {
namespace {

namespace fs = std::filesystem;

// The first three numbers of "v4.1.4rc1", "2.11.0+cu130"; what is missing is 0.
std::array<int, 3> numbers_of(std::string const& text) {
  std::array<int, 3> numbers{};
  auto const* at = text.data();
  auto const* const end = at + text.size();
  at = std::find_if(at, end, [](char c) { return c >= '0' && c <= '9'; });
  for (int& number : numbers) {
    auto const read = std::from_chars(at, end, number);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '.') break;
    at = read.ptr + 1;
  }
  return numbers;
}

bool match(LibraryVersion const& library) {
  auto const a = numbers_of(library.compiled), b = numbers_of(library.loaded);
  if (a[0] != b[0]) return false;
  if (library.match == Match::minor_may_be_newer) return b >= a;
  return a[1] == b[1] && (library.match == Match::exact ? a[2] == b[2] : b[2] >= a[2]);
}

// Of the wheel (version.py) or of the archive (build-version) that libtorch was loaded from.
std::string loaded_libtorch() {
  Dl_info place{};
  if (::dladdr(reinterpret_cast<void const*>(&at::show_config), &place) == 0 || place.dli_fname == nullptr) return "";
  fs::path const home = fs::path(place.dli_fname).parent_path().parent_path();
  std::error_code none;
  for (char const* name : {"version.py", "build-version"}) {
    if (!fs::is_regular_file(home / name, none)) continue;
    std::string const text = read_file(home / name, 1 << 16);
    std::smatch found;
    if (std::regex_search(text, found, std::regex(R"((?:^|__version__ = ')(\d+\.\d+\.\d+[0-9A-Za-z.+]*))")))
      return found[1];
  }
  return "";
}

LibraryVersion mpi_version() {
  std::string const library = mpi_library();
#if defined(OPEN_MPI)
  std::string const compiled = std::to_string(OMPI_MAJOR_VERSION) + "." + std::to_string(OMPI_MINOR_VERSION) + "." +
                               std::to_string(OMPI_RELEASE_VERSION);
  bool const open_mpi = library.find("Open MPI") != std::string::npos;
  std::string const loaded = open_mpi ? library.substr(library.find_first_of("0123456789")) : "0";
#else
  std::string const compiled = std::to_string(MPI_VERSION) + "." + std::to_string(MPI_SUBVERSION);
  int major = 0, minor = 0;
  MPI_Get_version(&major, &minor);
  std::string const loaded = std::to_string(major) + "." + std::to_string(minor);
#endif
  return {"MPI", compiled, loaded, Match::exact,
          library + ", standard " + std::to_string(MPI_VERSION) + "." + std::to_string(MPI_SUBVERSION)};
}

LibraryVersion hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  auto const text = [](unsigned a, unsigned b, unsigned c) {
    return std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c);
  };
  return {"HDF5", text(H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE), text(major, minor, release)};
}

// nccl_version(): "NCCL 2.28.9, compiled for 2.28.9".
LibraryVersion nccl() {
  std::string const text = nccl_version();
  auto const comma = text.find(", compiled for ");
  if (comma == std::string::npos) return {"NCCL", "", "", Match::exact, text};
  return {"NCCL", text.substr(comma + 15), text.substr(5, comma - 5), Match::last_may_be_newer, ""};
}

LibraryVersion cuda() {
  CudaVersions const versions = cuda_versions();
  auto const text = [](int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); };
  if (versions.compiled == 0) return {"CUDA", "", "", Match::exact, "no CUDA in this build"};
  std::string const driver = versions.driver == 0 ? "no driver here" : "driver up to " + text(versions.driver);
  return {"CUDA", text(versions.compiled), text(versions.loaded), Match::minor_may_be_newer, driver};
}

}  // namespace

Finding judge(LibraryVersion const& library) {
  Finding finding{library.name, library.compiled, Verdict::ok, "", Exit::unavailable};
  if (!library.compiled.empty()) finding.numbers = {{"compiled", library.compiled}, {"loaded", library.loaded}};
  std::string const more = library.details.empty() ? "" : (library.compiled.empty() ? "" : ", ") + library.details;
  if (library.compiled.empty()) {
    finding.found = more;
  } else if (library.loaded.empty()) {
    finding.found += " compiled; the loaded library does not say" + more;
    finding.verdict = Verdict::note;
  } else if (!match(library)) {
    finding.found = "compiled for " + library.compiled + ", loaded " + library.loaded + more;
    finding.verdict = Verdict::fail;
    finding.advice = "load the module that bsft was built with, or build it again; ldd bsft shows what is taken";
  } else {
    finding.found = library.loaded + more;
  }
  return finding;
}

std::vector<LibraryVersion> library_versions() {
  return {{"libtorch", TORCH_VERSION, loaded_libtorch()}, mpi_version(), hdf5_version(), nccl(), cuda()};
}

std::vector<Finding> build_findings() {
  std::string sets;
  for (run::Isa const isa : run::cpu_sets()) sets += (sets.empty() ? "" : ", ") + run::name(isa);
  std::string const config = at::show_config();
  auto const at = config.find("CPU capability usage: ");
  std::string const torch =
      at == std::string::npos ? "unknown" : config.substr(at + 22, config.find('\n', at) - at - 22);
#if defined(__clang__)
  std::string const compiler = __VERSION__;
#else
  std::string const compiler = "GCC " __VERSION__;
#endif
  return {{"compiler", compiler + ", Boost " BOOST_LIB_VERSION},
          {"instruction set", "kernels " + run::name(run::cpu_set()) + " of " + sets + "; libtorch " + torch}};
}

std::string program_identity() {
  std::string const text = version_text();
  std::string digest;
  try {
    Digest all;
    read_blocks("/proc/self/exe", [&all](std::string_view block) { all.add(block); });
    digest = all.hex().substr(0, 12);
  } catch (std::exception const&) {
    digest = "unread";
  }
  return text.substr(0, text.find('\n')) + ", program " + digest;
}

}  // namespace bsft::doctor
