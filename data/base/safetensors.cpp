#include "data/base/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <set>
#include <tuple>

#include "data/base/error.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors bytes are little-endian");

constexpr std::size_t prefix_bytes = 8, header_limit = std::size_t{16} << 20, tensor_limit = 65536;
constexpr std::size_t rank_limit = 8, name_limit = 512;
constexpr std::uint64_t file_limit = std::uint64_t{1} << 40;

// Bytes of one element, 0 for a dtype that is not known.
std::uint64_t size_of(std::string_view dtype) {
  static std::map<std::string_view, std::uint64_t> const sizes{
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U16", 2}, {"I16", 2}, {"F16", 2},
      {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8}};
  auto const found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

std::string shown(std::string_view name) { return std::string("\"").append(name.substr(0, 80)).append("\""); }

bool is_count(Json const& value) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= (std::uint64_t{1} << 53);
}

// Elements x size, with overflow refused.
std::uint64_t bytes_of(std::vector<std::int64_t> const& shape, std::uint64_t size, std::string const& where) {
  std::uint64_t bytes = size;
  for (auto const n : shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(n), &bytes))
      throw Broken(where, "\"shape\" has more elements than 64 bits count");
  return bytes;
}

struct Entry {
  TensorView view;
  std::uint64_t begin, end;
};

Entry parse_entry(std::string const& name, Json const& value, std::string const& file) {
  std::string const where = file + ": tensor " + shown(name);
  if (name.size() > name_limit) throw Broken(where, "a name of " + std::to_string(name.size()) + " bytes, at most 512");
  if (!value.is_object() || value.size() != 3) throw Broken(where, "needs dtype, shape and data_offsets, no more");
  for (auto const* key : {"dtype", "shape", "data_offsets"})
    if (!value.contains(key)) throw Broken(where, std::string("\"") + key + "\" is missing");
  auto const &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
  if (!dtype.is_string() || size_of(dtype.get_ref<std::string const&>()) == 0)
    throw Broken(where, "\"dtype\" " + shown(dtype.dump()) + " is not known");
  if (!shape.is_array() || shape.size() > rank_limit || !std::all_of(shape.begin(), shape.end(), is_count))
    throw Broken(where, "\"shape\" is not a list of at most 8 counts");
  if (!offsets.is_array() || offsets.size() != 2 || !is_count(offsets[0]) || !is_count(offsets[1]))
    throw Broken(where, "\"data_offsets\" is not a pair of counts");
  Entry entry{{name, dtype, shape.get<std::vector<std::int64_t>>(), {}}, offsets[0], offsets[1]};
  if (entry.end < entry.begin ||
      entry.end - entry.begin != bytes_of(entry.view.shape, size_of(entry.view.dtype), where))
    throw Broken(where, "\"data_offsets\" do not fit dtype and shape");
  return entry;
}

std::map<std::string, std::string> parse_metadata(Json const& value, std::string const& file) {
  std::map<std::string, std::string> out;
  if (!value.is_object()) throw Broken(file, "\"__metadata__\" is not an object");
  for (auto const& [key, text] : value.items()) {
    if (!text.is_string()) throw Broken(file, "\"__metadata__\" " + shown(key) + " is not a string");
    out[key] = text.get<std::string>();
  }
  return out;
}

}  // namespace

SafetensorsFile::SafetensorsFile(fs::path const& file) : map_(std::make_unique<MappedFile>(file)) {
  auto const bytes = map_->bytes();
  auto const where = file.string();
  if (bytes.size() < prefix_bytes + 2) throw Broken(where, "too short for a safetensors file");
  if (bytes.size() > file_limit) throw Broken(where, "larger than 1 TiB");
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), prefix_bytes);
  if (header_size > header_limit)
    throw Broken(where, "a header of " + std::to_string(header_size) + " bytes, at most 16 MiB");
  if (header_size > bytes.size() - prefix_bytes) throw Broken(where, "the header ends after the file");
  auto const header = bytes.substr(prefix_bytes, header_size);
  if (!header.starts_with('{')) throw Broken(where, "the header does not start with {");
  Json const json = parse_json(header, where + " header", {header_limit, 8});
  if (!json.is_object()) throw Broken(where, "the header is not an object");
  if (json.size() > tensor_limit + 1) throw Broken(where, std::to_string(json.size()) + " tensors, at most 65536");

  std::vector<Entry> entries;
  for (auto const& [name, value] : json.items()) {
    if (name == "__metadata__")
      metadata_ = parse_metadata(value, where);
    else
      entries.push_back(parse_entry(name, value, where));
  }
  std::sort(entries.begin(), entries.end(),
            [](auto const& a, auto const& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  auto const data = bytes.substr(prefix_bytes + header_size);
  std::uint64_t at = 0;
  for (auto& entry : entries) {
    if (entry.begin != at)
      throw Broken(where + ": tensor " + shown(entry.view.name),
                   "\"data_offsets\" leave a hole or overlap at byte " + std::to_string(at));
    if (entry.end > data.size())
      throw Broken(where + ": tensor " + shown(entry.view.name), "ends after the file; was the file cut off?");
    entry.view.bytes = data.substr(entry.begin, entry.end - entry.begin);
    at = entry.end;
    index_[entry.view.name] = tensors_.size();
    tensors_.push_back(std::move(entry.view));
  }
  if (at != data.size()) throw Broken(where, std::to_string(data.size() - at) + " bytes after the last tensor");
}

TensorView const* SafetensorsFile::find(std::string_view name) const {
  auto const found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

namespace {

// Tensor -> shard; plain file names only.
std::map<std::string, std::string> read_index(fs::path const& index) {
  Json const json = read_json(index);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    throw Broken(index.string(), "\"weight_map\" is missing");
  std::map<std::string, std::string> shard_of;
  for (auto const& [name, shard] : json["weight_map"].items()) {
    auto const text = shard.is_string() ? shard.get<std::string>() : std::string();
    bool const plain = !text.empty() && text.size() <= 128 && text[0] != '.' &&
                       std::all_of(text.begin(), text.end(), [](unsigned char c) {
                         return (c < 0x80 && std::isalnum(c)) || c == '.' || c == '_' || c == '-';
                       });
    if (!plain)
      throw Broken(index.string(),
                   "tensor " + shown(name) + " is in " + shown(shard.dump()) + ", not a plain file name");
    shard_of[name] = text;
  }
  return shard_of;
}

}  // namespace

SafetensorsFolder::SafetensorsFolder(fs::path const& folder) {
  auto const single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (fs::exists(single)) {
    files_.emplace_back(single);
    return;
  }
  if (!fs::exists(index))
    throw Invalid(Exit::data, "no weights in " + folder.string(),
                  "neither model.safetensors nor model.safetensors.index.json",
                  "name a Hugging Face folder with safetensors; pickles are not read");
  auto const shard_of = read_index(index);
  std::set<std::string> shards;
  for (auto const& [name, shard] : shard_of) shards.insert(shard);
  for (auto const& shard : shards) {
    files_.emplace_back(folder / shard);
    for (auto const& tensor : files_.back().tensors())
      for (std::size_t i = 0; i + 1 < files_.size(); ++i)
        if (files_[i].find(tensor.name) != nullptr)
          throw Broken((folder / shard).string(), "tensor " + shown(tensor.name) + " is in another shard as well");
  }
  for (auto const& [name, shard] : shard_of)
    if (find(name) == nullptr)
      throw Broken((folder / shard).string(), "tensor " + shown(name) + " of the index is not there");
}

TensorView const* SafetensorsFolder::find(std::string_view name) const {
  for (auto const& file : files_)
    if (auto const* view = file.find(name)) return view;
  return nullptr;
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> out;
  for (auto const& file : files_)
    for (auto const& tensor : file.tensors()) out.push_back(tensor.name);
  return out;
}

std::string safetensors_head(std::span<TensorView const> tensors, std::map<std::string, std::string> const& metadata) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (auto const& tensor : tensors) {
    ensure(!header.contains(tensor.name), "each tensor is written once: " + tensor.name);
    ensure(size_of(tensor.dtype) != 0, "a dtype that safetensors knows: " + tensor.dtype);
    ensure(bytes_of(tensor.shape, size_of(tensor.dtype), tensor.name) == tensor.bytes.size(),
           "bytes fit dtype and shape: " + tensor.name);
    OrderedJson entry;
    entry["dtype"] = tensor.dtype;
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {at, at + tensor.bytes.size()};
    header[tensor.name] = std::move(entry);
    at += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t const size = text.size();
  return std::string(reinterpret_cast<char const*>(&size), sizeof size) + text;
}

void write_safetensors(fs::path const& file, std::span<TensorView const> tensors,
                       std::map<std::string, std::string> const& metadata) {
  std::string const head = safetensors_head(tensors, metadata);
  std::vector<std::string_view> parts{head};
  for (auto const& tensor : tensors) parts.push_back(tensor.bytes);
  write_atomically(file, parts);
}

}  // namespace bsft
