#include <sys/stat.h>

#include <algorithm>

#include "data/base/error.hpp"
#include "data/base/h5_library.hpp"

namespace bsft {
namespace fs = std::filesystem;
using namespace h5;
namespace {

constexpr std::size_t chunk_bytes = std::size_t{64} << 10;
constexpr unsigned compact_links = 1024;

// Links inside the group's header, which has a checksum; a dense group's heap has none, and damage there crashes HDF5.
// No time of creation, so that the same content is the same bytes.
void set_group(H5Handle const& list, std::string const& where) {
  if (H5Pset_link_phase_change(list.id(), compact_links, compact_links) < 0 ||
      H5Pset_obj_track_times(list.id(), false) < 0)
    broken(where);
}

void make_group(H5Handle const& file, std::string const& group, std::string const& where) {
  if (H5Lexists(file.id(), group.c_str(), H5P_DEFAULT) > 0) return;
  auto const create = handle(H5Pcreate(H5P_GROUP_CREATE), closes<H5Pclose>, where);
  set_group(create, where);
  handle(H5Gcreate2(file.id(), group.c_str(), H5P_DEFAULT, create.id(), H5P_DEFAULT), closes<H5Gclose>, where);
}

}  // namespace

H5Writer::H5Writer(fs::path const& file) : where_(file.string()) {
  Lock const lock(library());
  prepare();
  auto const access = access_list(where_);
  auto const create = handle(H5Pcreate(H5P_FILE_CREATE), closes<H5Pclose>, where_);
  set_group(create, where_);
  mode_t const mask = ::umask(077);
  hid_t const id = H5Fcreate(file.c_str(), H5F_ACC_EXCL, create.id(), access.id());
  ::umask(mask);
  if (id < 0) throw Failed(Exit::io, "cannot create " + where_, reason());
  file_ = H5Handle(id, closes<H5Fclose>);
}

std::int64_t H5Writer::chunk_of(std::int64_t count, std::size_t element_bytes) {
  return std::min(count, static_cast<std::int64_t>(chunk_bytes / element_bytes));
}

void H5Writer::write_text(std::string const& name, std::string_view text) {
  write_bytes(name, H5Type::u8, text.data(), text.size());
}

void H5Writer::write_bytes(std::string const& name, H5Type type, void const* values, std::size_t count) {
  Lock const lock(library());
  std::string const where = where_ + ": dataset " + name;
  ensure(count > 0, "an HDF5 dataset of ours is never empty: " + name);
  try {
    hsize_t const size = count;
    hsize_t const chunk = static_cast<hsize_t>(chunk_of(static_cast<std::int64_t>(count), H5Tget_size(type_of(type))));
    auto const space = handle(H5Screate_simple(1, &size, nullptr), closes<H5Sclose>, where);
    auto const create = handle(H5Pcreate(H5P_DATASET_CREATE), closes<H5Pclose>, where);
    if (auto const cut = name.find('/'); cut != std::string::npos) make_group(file_, name.substr(0, cut), where);
    bool const deflates = H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0;
    if (H5Pset_chunk(create.id(), 1, &chunk) < 0 || H5Pset_obj_track_times(create.id(), false) < 0 ||
        (deflates && (H5Pset_shuffle(create.id()) < 0 || H5Pset_deflate(create.id(), 4) < 0)) ||
        H5Pset_fletcher32(create.id()) < 0)
      broken(where);
    auto const dataset =
        handle(H5Dcreate2(file_.id(), name.c_str(), type_of(type), space.id(), H5P_DEFAULT, create.id(), H5P_DEFAULT),
               closes<H5Dclose>, where);
    if (H5Dwrite(dataset.id(), type_of(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) broken(where);
  } catch (Broken const& error) {
    throw Failed(Exit::io, "cannot write", error.what());
  }
}

void H5Writer::close() {
  Lock const lock(library());
  bool const flushed = H5Fflush(file_.id(), H5F_SCOPE_GLOBAL) >= 0;
  std::string const why = flushed ? std::string() : reason();
  file_ = H5Handle();
  if (!flushed) throw Failed(Exit::io, "cannot write " + where_, why);
}

}  // namespace bsft
