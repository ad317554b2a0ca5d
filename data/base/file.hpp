// Read whole files, write them atomically, make folders durable.
//
// write_atomically: temporary name in the same folder, write, fsync, rename, fsync of the folder: a reader sees the
// old bytes or the new ones.  Errors: Failed(io) with errno's words; Broken where a file is larger than its limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace bsft {

std::string read_file(std::filesystem::path const& file, std::size_t limit_bytes = std::size_t{1} << 30);
// A block of at most 1 MiB after another, so that a file's size is not the process's; never called for an empty file.
void read_blocks(std::filesystem::path const& file, std::function<void(std::string_view)> const& each);
void write_atomically(std::filesystem::path const& file, std::string_view bytes);
// The parts, one after another.
void write_atomically(std::filesystem::path const& file, std::span<std::string_view const> parts);
// One write(2) with O_APPEND, so that lines of several writers never interleave.
void append_line(std::filesystem::path const& file, std::string_view line);
// Flushes a file's or a folder's own entry to the disk.
void sync_path(std::filesystem::path const& path);

// A read-only memory map, empty for an empty file.
class MappedFile {
 public:
  explicit MappedFile(std::filesystem::path const& file);
  ~MappedFile();
  MappedFile(MappedFile const&) = delete;
  MappedFile& operator=(MappedFile const&) = delete;
  std::string_view bytes() const { return {data_, size_}; }

 private:
  char const* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace bsft
