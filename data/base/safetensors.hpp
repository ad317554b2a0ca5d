// Read and write safetensors files: 8-byte little-endian header length, JSON header, tensor bytes.
//
// Reading checks before it allocates: header <= 16 MiB, <= 65,536 tensors, rank <= 8, name <= 512 bytes, known dtypes,
// end - begin = numel x size, offsets contiguous from 0 to exactly the end.  A breach throws Broken with file and
// field. Source: the format's description at github.com/huggingface/safetensors; tests compare with the safetensors
// package.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/base/file.hpp"

namespace bsft {

struct TensorView {
  std::string name;
  std::string dtype;  // "F32", "BF16", "F16", "I64", …
  std::vector<std::int64_t> shape;
  std::string_view bytes;  // into the map, or into the caller's memory when writing
};

class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::filesystem::path const& file);
  TensorView const* find(std::string_view name) const;
  std::vector<TensorView> const& tensors() const { return tensors_; }
  std::map<std::string, std::string> const& metadata() const { return metadata_; }

 private:
  std::unique_ptr<MappedFile> map_;
  std::vector<TensorView> tensors_;  // by offset
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

// All tensors of a Hugging Face folder: model.safetensors, or the shards of model.safetensors.index.json (plain file
// names only).  Views stay valid while this lives.
class SafetensorsFolder {
 public:
  explicit SafetensorsFolder(std::filesystem::path const& folder);
  TensorView const* find(std::string_view name) const;
  std::vector<std::string> names() const;

 private:
  std::vector<SafetensorsFile> files_;
};

// What stands in a file before the tensors' bytes, which follow in the given order without gaps.
std::string safetensors_head(std::span<TensorView const> tensors, std::map<std::string, std::string> const& metadata);
// Writes atomically in the given order, flushed to the disk; metadata goes under "__metadata__".
void write_safetensors(std::filesystem::path const& file, std::span<TensorView const> tensors,
                       std::map<std::string, std::string> const& metadata);

}  // namespace bsft
