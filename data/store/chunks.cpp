#include "data/store/chunks.hpp"

#include "data/base/error.hpp"

namespace bsft {

void ChunkHashes::shape(std::string const& name, std::int64_t size, std::int64_t chunk) {
  shapes_ += name + " " + std::to_string(size) + " " + std::to_string(chunk) + "\n";
}

std::uint64_t ChunkHashes::own_hash(std::size_t chunks) const {
  return mix(chunks, xxh64(shapes_), xxh64(bytes_of_values(std::span(table_).first(chunks))));
}

std::vector<std::uint64_t> ChunkHashes::finished() const {
  std::vector<std::uint64_t> table = table_;
  table.push_back(own_hash(table_.size()));
  return table;
}

std::span<std::uint64_t const> ChunkHashes::of(std::string const& name, std::int64_t size, std::int64_t chunk) {
  shape(name, size, chunk);
  auto const chunks = static_cast<std::size_t>((size + chunk - 1) / chunk);
  if (table_.empty() || chunks > table_.size() - 1 - used_)
    throw Broken(where_, "it has no hashes of dataset " + name, build_again);
  used_ += chunks;
  return std::span(std::as_const(table_)).subspan(used_ - chunks, chunks);
}

void ChunkHashes::expect_whole() const {
  if (used_ + 1 != table_.size() || own_hash(used_) != table_.back())
    throw Broken(where_, "it is not of these datasets", build_again);
}

}  // namespace bsft
