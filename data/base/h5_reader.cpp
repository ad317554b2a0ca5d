#include <algorithm>

#include "data/base/error.hpp"
#include "data/base/h5_library.hpp"

namespace bsft {
using namespace h5;
namespace {

constexpr std::size_t chunk_limit = std::size_t{64} << 20;
constexpr hsize_t size_limit = hsize_t{1} << 40;
constexpr std::uintmax_t ratio_limit = 1024;
constexpr std::size_t link_limit = 256;
constexpr char const* misplaced = "it is missing, lies outside the file, or is not stored through its filters";

// None, shuffle, deflate and Fletcher32 alone, in this order.
ChunkFilters filters_of(H5Handle const& create, std::string const& where) {
  ChunkFilters filters;
  H5Z_filter_t last = 0;
  for (int i = 0, n = H5Pget_nfilters(create.id()); i < n; ++i) {
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    auto const filter =
        H5Pget_filter2(create.id(), static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
    if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_FLETCHER32)
      throw Broken(where, "filter " + std::to_string(filter) + " is not shuffle, deflate or fletcher32");
    auto const place = [](H5Z_filter_t one) {
      return one == H5Z_FILTER_SHUFFLE ? 1 : one == H5Z_FILTER_DEFLATE ? 2 : one == H5Z_FILTER_FLETCHER32 ? 3 : 0;
    };
    if (place(filter) <= place(last)) throw Broken(where, "its filters are not shuffle, deflate, fletcher32");
    last = filter;
    filters.shuffled = filters.shuffled || filter == H5Z_FILTER_SHUFFLE;
    filters.deflated = filters.deflated || filter == H5Z_FILTER_DEFLATE;
  }
  if (last != H5Z_FILTER_FLETCHER32) throw Broken(where, "no Fletcher32 checksums");
  return filters;
}

// Headers and chunk trees of earlier formats have none.
void expect_checksummed_metadata(H5Handle const& dataset, std::string const& where) {
  H5O_info_t info{};
  H5D_chunk_index_t index{};
  if (H5Oget_info2(dataset.id(), &info, H5O_INFO_HDR) < 0 || H5Dget_chunk_index_type(dataset.id(), &index) < 0)
    broken(where);
  if (info.hdr.version < 2 || (index != H5D_CHUNK_IDX_SINGLE && index != H5D_CHUNK_IDX_FARRAY))
    throw Broken(where, "its metadata carries no checksums", build_again);
}

// Where a chunk lies: its stored bytes, 0 where it is missing, outside the file, of a size that its filters cannot
// give, or stored without them.
hsize_t stored_bytes(hid_t dataset, hsize_t at, std::uint64_t chunk_bytes, bool deflated, std::uintmax_t file_bytes) {
  std::uint64_t const most = chunk_bytes + 4 + (deflated ? chunk_bytes / 8 + 64 : 0);
  std::uint64_t const least = deflated ? 4 : most;
  unsigned skipped = 0;
  haddr_t address = HADDR_UNDEF;
  hsize_t stored = 0;
  if (H5Dget_chunk_info_by_coord(dataset, &at, &skipped, &address, &stored) < 0) {
    H5Eclear2(H5E_DEFAULT);
    return 0;
  }
  bool const inside = address != HADDR_UNDEF && address <= file_bytes && stored <= file_bytes - address;
  return inside && skipped == 0 && stored >= least && stored <= most ? stored : 0;
}

}  // namespace

H5Reader::H5Reader(PinnedFile const& file) : where_(file.name()), file_bytes_(file.bytes()) {
  Lock const lock(library());
  prepare();
  if (H5Fis_hdf5(file.path().c_str()) <= 0) {
    H5Eclear2(H5E_DEFAULT);
    throw Broken(where_, "not an HDF5 file");
  }
  auto const access = access_list(where_);
  file_ = handle(H5Fopen(file.path().c_str(), H5F_ACC_RDONLY, access.id()), closes<H5Fclose>, where_);
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
      throw Broken(where_ + ": group " + group, "its links are not stored in its header", build_again);
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
  // Whoever reads keeps what it has checked (data/store/chunks.hpp): no second copy here.
  if (H5Pset_chunk_cache(access.id(), 1, 0, 1) < 0) broken(where);
  auto dataset = handle(H5Dopen2(file_.id(), name.c_str(), access.id()), closes<H5Dclose>, where);
  auto const stored = handle(H5Dget_type(dataset.id()), closes<H5Tclose>, where);
  if (H5Tcommitted(stored.id()) != 0) throw Broken(where, "its type is an object of its own");
  if (H5Tequal(stored.id(), type_of(type)) <= 0) throw Broken(where, "not of the type that the format names");
  auto const space = handle(H5Dget_space(dataset.id()), closes<H5Sclose>, where);
  hsize_t size = 0, most = 0, chunk = 0;
  if (H5Sget_simple_extent_ndims(space.id()) != 1 || H5Sget_simple_extent_dims(space.id(), &size, &most) != 1)
    throw Broken(where, "not one-dimensional");
  auto const create = handle(H5Dget_create_plist(dataset.id()), closes<H5Pclose>, where);
  if (H5Pget_layout(create.id()) != H5D_CHUNKED || H5Pget_external_count(create.id()) != 0 ||
      H5Pget_chunk(create.id(), 1, &chunk) != 1)
    throw Broken(where, "not stored in chunks of the file itself");
  std::size_t const element = H5Tget_size(stored.id());
  if (chunk == 0 || chunk > chunk_limit / element) throw Broken(where, "chunks over 64 MiB");
  if (size > size_limit || size * element / ratio_limit > file_bytes_)
    throw Broken(where, std::to_string(size) + " elements in a file of " + std::to_string(file_bytes_) + " bytes");
  ChunkFilters const filters = filters_of(create, where);
  if (most != size) throw Broken(where, "its size may grow");
  expect_checksummed_metadata(dataset, where);
  return {std::move(dataset),
          static_cast<std::int64_t>(size),
          static_cast<std::int64_t>(chunk),
          element,
          file_bytes_,
          filters,
          where};
}

void H5Reader::walk_chunks(Opened const& dataset) const {
  Lock const lock(library());
  std::uint64_t const bytes = static_cast<std::uint64_t>(dataset.chunk) * dataset.element_bytes;
  for (std::int64_t begin = 0, number = 0; begin < dataset.size; begin += dataset.chunk, ++number)
    if (stored_bytes(dataset.handle.id(), static_cast<hsize_t>(begin), bytes, dataset.filters.deflated, file_bytes_) ==
        0)
      throw Broken(dataset.where + ", chunk " + std::to_string(number), misplaced, build_again);
}

std::string H5Reader::unpack(Opened const& dataset, std::int64_t number, std::span<std::uint8_t> out) {
  auto const at = static_cast<hsize_t>(number * dataset.chunk);
  std::vector<std::uint8_t> stored;
  {
    Lock const lock(library());
    hsize_t const bytes =
        stored_bytes(dataset.handle.id(), at, out.size(), dataset.filters.deflated, dataset.file_bytes);
    if (bytes == 0) return misplaced;
    stored.resize(bytes);
    std::uint32_t skipped = 0;
    if (H5Dread_chunk(dataset.handle.id(), H5P_DEFAULT, &at, &skipped, stored.data()) < 0) return reason();
  }
  return unpack_chunk(stored, dataset.filters, dataset.element_bytes, out);
}

void H5Reader::read_bytes(Opened const& dataset, std::int64_t offset, std::int64_t count, std::uint8_t* out) {
  if (offset < 0 || count < 0 || offset > dataset.size - count)
    throw Broken(dataset.where, "rows " + std::to_string(offset) + " to " + std::to_string(offset + count) + " of " +
                                    std::to_string(dataset.size));
  std::vector<std::uint8_t> chunk(static_cast<std::size_t>(dataset.chunk) * dataset.element_bytes);
  for (std::int64_t at = offset; at < offset + count;) {
    std::int64_t const number = at / dataset.chunk, begin = number * dataset.chunk;
    if (std::string const why = unpack(dataset, number, chunk); !why.empty())
      throw Broken(dataset.where + ", chunk " + std::to_string(number), why, build_again);
    std::int64_t const end = std::min(begin + dataset.chunk, offset + count);
    auto const bytes = static_cast<std::size_t>(end - at) * dataset.element_bytes;
    std::copy_n(chunk.begin() + (at - begin) * static_cast<std::int64_t>(dataset.element_bytes), bytes, out);
    out += bytes;
    at = end;
  }
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
