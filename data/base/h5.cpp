#include "data/base/h5.hpp"

#include <hdf5.h>
#include <sys/stat.h>

#include <algorithm>
#include <mutex>

#include "data/base/error.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t), "HDF5 1.10 or later");

constexpr std::size_t chunk_bytes = std::size_t{64} << 10, chunk_limit = std::size_t{64} << 20;
constexpr std::size_t cache_bytes = std::size_t{64} << 20, cache_slots = 10007;
constexpr hsize_t size_limit = hsize_t{1} << 40;
constexpr std::uintmax_t ratio_limit = 1024;
constexpr std::size_t link_limit = 256;
constexpr unsigned compact_links = 1024;

// Debian's library is not thread-safe, so every call is made under this lock.
std::recursive_mutex& library() {
  static std::recursive_mutex mutex;
  return mutex;
}
using Lock = std::lock_guard<std::recursive_mutex>;

// No messages of HDF5's own, no plug-ins from the environment.
void prepare() {
  static bool const once = [] {
    H5dont_atexit();
    H5open();
    H5PLset_loading_state(0);
    return true;
  }();
  (void)once;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

// The innermost reason of the last failure, in HDF5's words.
std::string reason() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, H5E_error2_t const* error, void* out) -> herr_t {
        auto& text = *static_cast<std::string*>(out);
        if (text.empty() && error->desc != nullptr) text = error->desc;
        return 0;
      },
      &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "HDF5 gives no reason" : "HDF5: " + text;
}

[[noreturn]] void broken(std::string const& where) { throw Broken(where, reason()); }

H5Handle handle(hid_t id, H5Handle::Close close, std::string const& where) {
  if (id < 0) broken(where);
  return {id, close};
}

template <herr_t (*call)(hid_t)>
int closes(std::int64_t id) {
  return call(id);
}

hid_t stored_type(H5Type type) {
  switch (type) {
    case H5Type::i8:
      return H5T_STD_I8LE;
    case H5Type::u8:
      return H5T_STD_U8LE;
    case H5Type::i16:
      return H5T_STD_I16LE;
    case H5Type::i32:
      return H5T_STD_I32LE;
    case H5Type::u32:
      return H5T_STD_U32LE;
    case H5Type::i64:
      return H5T_STD_I64LE;
    case H5Type::u64:
      return H5T_STD_U64LE;
    case H5Type::f32:
      return H5T_IEEE_F32LE;
  }
  return H5T_STD_U8LE;
}

hid_t memory_type(H5Type type) {
  switch (type) {
    case H5Type::i8:
      return H5T_NATIVE_INT8;
    case H5Type::u8:
      return H5T_NATIVE_UINT8;
    case H5Type::i16:
      return H5T_NATIVE_INT16;
    case H5Type::i32:
      return H5T_NATIVE_INT32;
    case H5Type::u32:
      return H5T_NATIVE_UINT32;
    case H5Type::i64:
      return H5T_NATIVE_INT64;
    case H5Type::u64:
      return H5T_NATIVE_UINT64;
    case H5Type::f32:
      return H5T_NATIVE_FLOAT;
  }
  return H5T_NATIVE_UINT8;
}

// Format 1.10 for both ends: its metadata carries checksums, so damage is an error and not a crash.
H5Handle access_list(std::string const& where) {
  auto list = handle(H5Pcreate(H5P_FILE_ACCESS), closes<H5Pclose>, where);
  if (H5Pset_libver_bounds(list.id(), H5F_LIBVER_V110, H5F_LIBVER_V110) < 0) broken(where);
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MAJOR == 1 && H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
  if (H5Pset_file_locking(list.id(), 0, 1) < 0) broken(where);
#endif
  return list;
}

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

H5Handle::~H5Handle() {
  if (id_ < 0) return;
  Lock const lock(library());
  close_(id_);
}

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

void H5Writer::write_text(std::string const& name, std::string_view text) {
  write_bytes(name, H5Type::u8, text.data(), text.size());
}

void H5Writer::write_bytes(std::string const& name, H5Type type, void const* values, std::size_t count) {
  Lock const lock(library());
  std::string const where = where_ + ": dataset " + name;
  ensure(count > 0, "an HDF5 dataset of ours is never empty: " + name);
  try {
    hsize_t const size = count, chunk = std::min<hsize_t>(count, chunk_bytes / H5Tget_size(stored_type(type)));
    auto const space = handle(H5Screate_simple(1, &size, nullptr), closes<H5Sclose>, where);
    auto const create = handle(H5Pcreate(H5P_DATASET_CREATE), closes<H5Pclose>, where);
    if (auto const cut = name.find('/'); cut != std::string::npos) make_group(file_, name.substr(0, cut), where);
    bool const deflates = H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0;
    if (H5Pset_chunk(create.id(), 1, &chunk) < 0 || H5Pset_obj_track_times(create.id(), false) < 0 ||
        (deflates && (H5Pset_shuffle(create.id()) < 0 || H5Pset_deflate(create.id(), 4) < 0)) ||
        H5Pset_fletcher32(create.id()) < 0)
      broken(where);
    auto const dataset = handle(
        H5Dcreate2(file_.id(), name.c_str(), stored_type(type), space.id(), H5P_DEFAULT, create.id(), H5P_DEFAULT),
        closes<H5Dclose>, where);
    if (H5Dwrite(dataset.id(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) broken(where);
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

H5Reader::H5Reader(fs::path const& file) : where_(file.string()) {
  Lock const lock(library());
  prepare();
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0)
    throw Failed(Exit::data, "cannot open " + where_, "no such file", "make it with bsft data build");
  if (!S_ISREG(info.st_mode)) throw Broken(where_, "not a regular file");
  file_bytes_ = static_cast<std::uintmax_t>(info.st_size);
  if (H5Fis_hdf5(file.c_str()) <= 0) {
    H5Eclear2(H5E_DEFAULT);
    throw Broken(where_, "not an HDF5 file");
  }
  auto const access = access_list(where_);
  file_ = handle(H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.id()), closes<H5Fclose>, where_);
}

std::vector<std::string> H5Reader::names() const {
  Lock const lock(library());
  struct Walk {
    std::string prefix;
    std::vector<std::string> groups, datasets;
    std::string refused;
  };
  auto const visit = [](hid_t group, char const* name, H5L_info_t const* link, void* out) -> herr_t {
    auto& walk = *static_cast<Walk*>(out);
    std::string const full = walk.prefix + name;
    H5O_info_t object{};
    if (link->type != H5L_TYPE_HARD)
      walk.refused = "link " + full + " leads out of the file's own tree";
    else if (H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
      walk.refused = "object " + full + " is damaged";
    else if (object.type == H5O_TYPE_GROUP && walk.prefix.empty())
      walk.groups.push_back(full);
    else if (object.type == H5O_TYPE_DATASET)
      walk.datasets.push_back(full);
    else
      walk.refused = "object " + full + " is not a dataset";
    if (walk.groups.size() + walk.datasets.size() > link_limit) walk.refused = "more than 256 objects";
    return walk.refused.empty() ? 0 : 1;
  };
  Walk walk;
  auto const iterate = [&](char const* group) {
    H5G_info_t info{};
    if (H5Gget_info_by_name(file_.id(), group, &info, H5P_DEFAULT) < 0) broken(where_ + ": group " + group);
    if (info.storage_type != H5G_STORAGE_TYPE_COMPACT)
      throw Broken(where_ + ": group " + group, "its links are not stored in its header",
                   "build it again with bsft data build");
    herr_t const done =
        H5Literate_by_name(file_.id(), group, H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &walk, H5P_DEFAULT);
    if (!walk.refused.empty()) throw Broken(where_, walk.refused);
    if (done < 0) broken(where_ + ": group " + group);
  };
  iterate("/");
  for (auto const& group : std::vector<std::string>(walk.groups)) {
    walk.prefix = group + "/";
    iterate(group.c_str());
  }
  std::sort(walk.datasets.begin(), walk.datasets.end());
  return walk.datasets;
}

H5Reader::Opened H5Reader::open_checked(std::string const& name, H5Type type) const {
  Lock const lock(library());
  std::string const where = where_ + ": dataset " + name;
  auto const access = handle(H5Pcreate(H5P_DATASET_ACCESS), closes<H5Pclose>, where);
  if (H5Pset_chunk_cache(access.id(), cache_slots, cache_bytes, 0.75) < 0) broken(where);
  auto dataset = handle(H5Dopen2(file_.id(), name.c_str(), access.id()), closes<H5Dclose>, where);
  auto const stored = handle(H5Dget_type(dataset.id()), closes<H5Tclose>, where);
  if (H5Tequal(stored.id(), stored_type(type)) <= 0) throw Broken(where, "not of the type that the format names");
  auto const space = handle(H5Dget_space(dataset.id()), closes<H5Sclose>, where);
  hsize_t size = 0, chunk = 0;
  if (H5Sget_simple_extent_ndims(space.id()) != 1 || H5Sget_simple_extent_dims(space.id(), &size, nullptr) != 1)
    throw Broken(where, "not one-dimensional");
  auto const create = handle(H5Dget_create_plist(dataset.id()), closes<H5Pclose>, where);
  if (H5Pget_layout(create.id()) != H5D_CHUNKED || H5Pget_external_count(create.id()) != 0 ||
      H5Pget_chunk(create.id(), 1, &chunk) != 1)
    throw Broken(where, "not stored in chunks of the file itself");
  std::size_t const element = H5Tget_size(stored.id());
  if (chunk > chunk_limit / element) throw Broken(where, "chunks over 64 MiB");
  if (size > size_limit || size * element / ratio_limit > file_bytes_)
    throw Broken(where, std::to_string(size) + " elements in a file of " + std::to_string(file_bytes_) + " bytes");
  bool checksummed = false;
  for (int i = 0, n = H5Pget_nfilters(create.id()); i < n; ++i) {
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    auto const filter =
        H5Pget_filter2(create.id(), static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
    if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_FLETCHER32)
      throw Broken(where, "filter " + std::to_string(filter) + " is not shuffle, deflate or fletcher32");
    checksummed = checksummed || filter == H5Z_FILTER_FLETCHER32;
  }
  if (!checksummed) throw Broken(where, "no Fletcher32 checksums");
  return {std::move(dataset), static_cast<std::int64_t>(size), where};
}

void H5Reader::read_bytes(Opened const& dataset, H5Type type, std::int64_t offset, std::int64_t count, void* out) {
  if (offset < 0 || count < 0 || offset > dataset.size - count)
    throw Broken(dataset.where, "rows " + std::to_string(offset) + " to " + std::to_string(offset + count) + " of " +
                                    std::to_string(dataset.size));
  if (count == 0) return;
  Lock const lock(library());
  hsize_t const start = static_cast<hsize_t>(offset), size = static_cast<hsize_t>(count);
  auto const space = handle(H5Dget_space(dataset.handle.id()), closes<H5Sclose>, dataset.where);
  auto const memory = handle(H5Screate_simple(1, &size, nullptr), closes<H5Sclose>, dataset.where);
  if (H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, &start, nullptr, &size, nullptr) < 0 ||
      H5Dread(dataset.handle.id(), memory_type(type), memory.id(), space.id(), H5P_DEFAULT, out) < 0)
    throw Broken(dataset.where, reason(), "the file is damaged: build it again with bsft data build");
}

std::string H5Reader::read_text(std::string const& name, std::size_t limit) const {
  auto const dataset = open<std::uint8_t>(name);
  if (static_cast<std::size_t>(dataset.size()) > limit)
    throw Broken(where_ + ": dataset " + name,
                 std::to_string(dataset.size()) + " bytes, at most " + std::to_string(limit));
  auto const bytes = dataset.read();
  return {bytes.begin(), bytes.end()};
}

}  // namespace bsft
