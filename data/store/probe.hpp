// Try a data file in a child process before this one lets HDF5 near it.
//
// libhdf5 can crash, hang or take all memory on a damaged or hostile file.  probe() opens the file as a reader does, in
// a child of at most 2 GiB more memory and 10 s of CPU time (confine.hpp): names, catalogue, columns, table of hashes,
// and where every chunk lies; only a file that passes is given to StoreReader.  The same open file is read afterwards,
// so a file that is renamed over it does not matter; one that is written into before the reader is ready is refused;
// later the hashes see it, but HDF5's own metadata is then in the writer's hands.
// Costs as much as opening the file. A process that will start MPI or threads probes before (launch/run.cpp).
// Errors: Broken with what was wrong; those of PinnedFile and confine().
// Source: reliability.md row 14 and section 6; tests/store/mutation_test.cpp.
#pragma once

#include <filesystem>
#include <utility>

#include "data/base/pinned_file.hpp"

namespace bsft {

// A file that passed.
class Probed {
 public:
  PinnedFile const& pinned() const { return pinned_; }

 private:
  friend Probed probe(std::filesystem::path const& file);
  explicit Probed(PinnedFile pinned) : pinned_(std::move(pinned)) {}
  PinnedFile pinned_;
};

Probed probe(std::filesystem::path const& file);

}  // namespace bsft
