// Write a BehaviorBench HDF5 file (grammar: format.md).
//
// add() collects rows in file order, in memory; finish() writes everything under a temporary name beside `file`,
// flushes it to the disk, renames it and flushes the folder: a reader sees the old file, the new one, or none. Requires
// members of a case to be added one after another.  Errors: Failed(io).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/store/columns.hpp"
#include "data/store/encoder.hpp"

namespace bsft {

// Everything that a file holds, less the hashes of its chunks.
struct StoreContent {
  std::string catalog, certificate;  // JSON
  Columns columns;
  std::vector<std::int32_t> tokens;
  std::vector<float> weights;
  std::string text;
  TokenBytes token_bytes;
};

// Makes `file`, which must not be there.
void write_content(std::filesystem::path const& file, StoreContent const& content);

class StoreWriter {
 public:
  StoreWriter();
  void add(EncodedRecord const& encoded, Record const& record);
  std::size_t size() const { return content_.columns.task.size(); }
  // bytes_of gives the bytes of one token; certificate is called with the data digest, which is returned.
  std::string finish(std::filesystem::path const& file, Catalog const& catalog,
                     std::function<std::string(TokenId)> const& bytes_of,
                     std::function<std::string(std::string const&)> const& certificate);

 private:
  TokenBytes used_tokens(Catalog const& catalog, std::function<std::string(TokenId)> const& bytes_of) const;

  StoreContent content_;
  std::unordered_map<std::string, std::int64_t> cases_, twins_;
};

}  // namespace bsft
