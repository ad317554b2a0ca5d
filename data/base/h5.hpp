// Read and write plain HDF5 files: one-dimensional little-endian datasets, chunked, deflated, with Fletcher32
// checksums.
//
// Writer: creates a new file (0600), each dataset written once and whole; groups in a name ("records/task") are made.
// Reader: opens a pinned file read-only with file locking off (Lustre and NFS) and takes nothing but such datasets:
// external links and storage, links outside a group's own header (HDF5 crashes on damage there), virtual datasets,
// other filters, committed or other types, metadata without checksums, sizes that may grow, chunks over 64 MiB, over
// 2^40 elements, or more than 1,024 times the file's size are refused before anything is allocated.  walk() also looks
// at where each chunk lies.  Filter plug-ins are never loaded.  HDF5 itself may crash on a hostile file while it opens
// it: data/store/probe.hpp tries in another process first. Errors: Broken for a damaged or foreign file, with the
// dataset and HDF5's own reason; Failed(io) for a failed write. Threads: calls are serialised inside; a reader, and its
// datasets, belong to one thread. Source: HDF5 1.10's C API; tests/store reads the files with h5py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/base/h5_chunk.hpp"
#include "data/base/pinned_file.hpp"

namespace bsft {

enum class H5Type { i8, u8, i16, i32, u32, i64, u64, f32 };

template <class T>
constexpr H5Type h5_type_of();
template <>
constexpr H5Type h5_type_of<std::int8_t>() {
  return H5Type::i8;
}
template <>
constexpr H5Type h5_type_of<std::uint8_t>() {
  return H5Type::u8;
}
template <>
constexpr H5Type h5_type_of<std::int16_t>() {
  return H5Type::i16;
}
template <>
constexpr H5Type h5_type_of<std::int32_t>() {
  return H5Type::i32;
}
template <>
constexpr H5Type h5_type_of<std::uint32_t>() {
  return H5Type::u32;
}
template <>
constexpr H5Type h5_type_of<std::int64_t>() {
  return H5Type::i64;
}
template <>
constexpr H5Type h5_type_of<std::uint64_t>() {
  return H5Type::u64;
}
template <>
constexpr H5Type h5_type_of<float>() {
  return H5Type::f32;
}

// An HDF5 identifier, closed with its own call.
class H5Handle {
 public:
  using Close = int (*)(std::int64_t);
  H5Handle() = default;
  H5Handle(std::int64_t id, Close close) : id_(id), close_(close) {}
  H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~H5Handle();
  std::int64_t id() const { return id_; }

 private:
  std::int64_t id_ = -1;
  Close close_ = nullptr;
};

class H5Writer {
 public:
  explicit H5Writer(std::filesystem::path const& file);
  template <class T>
  void write(std::string const& name, std::span<T const> values) {
    write_bytes(name, h5_type_of<T>(), values.data(), values.size());
  }
  // How many elements of so many bytes a chunk has, in a dataset of `count`.
  static std::int64_t chunk_of(std::int64_t count, std::size_t element_bytes);
  void write_text(std::string const& name, std::string_view text);
  // Flushes and closes; a writer that is not closed leaves an unreadable file.
  void close();

 private:
  void write_bytes(std::string const& name, H5Type type, void const* values, std::size_t count);
  std::string where_;
  H5Handle file_;
};

// A dataset of a reader's file; keeps the file open.
template <class T>
class H5Dataset;

class H5Reader {
 public:
  // Neither needs the pinned file any longer once it is made.
  explicit H5Reader(PinnedFile const& file);
  explicit H5Reader(std::filesystem::path const& file) : H5Reader(PinnedFile(file)) {}
  // Every dataset's name, sorted; groups nest at most once.
  std::vector<std::string> names() const;
  template <class T>
  H5Dataset<T> open(std::string const& name) const;
  // A whole byte dataset of at most `limit` bytes.
  std::string read_text(std::string const& name, std::size_t limit) const;
  // Refuses a dataset with a chunk that is missing, outside the file, of a size that its filters cannot give, or stored
  // without its filters.
  template <class T>
  void walk(H5Dataset<T> const& dataset) const {
    walk_chunks(dataset.opened_);
  }
  std::string const& name() const { return where_; }
  std::uintmax_t file_bytes() const { return file_bytes_; }

 private:
  template <class T>
  friend class H5Dataset;
  struct Opened {
    H5Handle handle;
    std::int64_t size = 0, chunk = 0;  // in elements
    std::size_t element_bytes = 0;
    std::uintmax_t file_bytes = 0;
    ChunkFilters filters;
    std::string where;
  };
  Opened open_checked(std::string const& name, H5Type type) const;
  static void read_bytes(Opened const& dataset, std::int64_t offset, std::int64_t count, std::uint8_t* out);
  static std::string unpack(Opened const& dataset, std::int64_t number, std::span<std::uint8_t> out);
  void walk_chunks(Opened const& dataset) const;
  std::string where_;
  std::uintmax_t file_bytes_ = 0;
  H5Handle file_;
};

template <class T>
class H5Dataset {
 public:
  H5Dataset() = default;
  explicit H5Dataset(H5Reader::Opened opened) : opened_(std::move(opened)) {}
  std::int64_t size() const { return opened_.size; }
  std::int64_t chunk() const { return opened_.chunk; }
  // A whole chunk, the last one with what fills it up: why it is damaged, or empty.
  std::string unpack(std::int64_t number, std::vector<T>& out) const {
    out.resize(static_cast<std::size_t>(chunk()));
    return H5Reader::unpack(opened_, number, {reinterpret_cast<std::uint8_t*>(out.data()), out.size() * sizeof(T)});
  }
  std::vector<T> read(std::int64_t offset, std::int64_t count) const {
    std::vector<T> out(static_cast<std::size_t>(count));
    H5Reader::read_bytes(opened_, offset, count, reinterpret_cast<std::uint8_t*>(out.data()));
    return out;
  }
  std::vector<T> read() const { return read(0, size()); }

 private:
  friend class H5Reader;
  H5Reader::Opened opened_;
};

template <class T>
H5Dataset<T> H5Reader::open(std::string const& name) const {
  return H5Dataset<T>(open_checked(name, h5_type_of<T>()));
}

}  // namespace bsft
