#include "data/store/writer.hpp"

#include <unistd.h>

#include <map>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/h5.hpp"
#include "data/store/catalog.hpp"
#include "data/store/chunks.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

// A name beside `file` that vanishes unless it is published.
class Temporary {
 public:
  explicit Temporary(fs::path const& file) : file_(file), path_(file.string() + ".tmp" + std::to_string(::getpid())) {
    std::error_code failed;
    if (file_.has_parent_path()) fs::create_directories(file_.parent_path(), failed);
    fs::remove(path_, failed);
  }
  ~Temporary() {
    std::error_code failed;
    if (!published_) fs::remove(path_, failed);
  }
  Temporary(Temporary const&) = delete;
  Temporary& operator=(Temporary const&) = delete;

  fs::path const& path() const { return path_; }
  void publish() {
    sync_path(path_);
    std::error_code failed;
    fs::rename(path_, file_, failed);
    if (failed) throw Failed(Exit::io, "cannot rename to " + file_.string(), failed.message());
    published_ = true;
    sync_path(file_.has_parent_path() ? file_.parent_path() : fs::path("."));
  }

 private:
  fs::path file_, path_;
  bool published_ = false;
};

std::int64_t number_of(std::unordered_map<std::string, std::int64_t>& numbers, std::string const& name) {
  return numbers.try_emplace(name, static_cast<std::int64_t>(numbers.size())).first->second;
}

}  // namespace

void write_content(fs::path const& file, StoreContent const& content) {
  H5Writer writer(file);
  std::map<std::string, std::function<void(ChunkHashes&)>> hashing;  // by name, as the table has them
  auto const put = [&]<class T>(std::string const& name, std::span<T const> values) {
    writer.write(name, values);
    hashing[name] = [name, values](ChunkHashes& hashes) { hashes.add(name, values); };
  };
  auto const put_text = [&](std::string const& name, std::string const& text) {
    put(name, std::span(reinterpret_cast<std::uint8_t const*>(text.data()), text.size()));
  };
  put_text("catalog", content.catalog);
  each_column(content.columns, [&]<class T>(char const* name, std::vector<T> const& values) {
    put(std::string(name), std::span<T const>(values));
  });
  put("tokens", std::span(content.tokens));
  put("weights", std::span(content.weights));
  put_text("text", content.text);
  put("vocabulary/ids", std::span(content.token_bytes.ids));
  put("vocabulary/offsets", std::span(content.token_bytes.offsets));
  put("vocabulary/bytes", std::span(content.token_bytes.bytes));
  put_text("certificate", content.certificate);
  ChunkHashes hashes;
  for (auto const& [name, add] : hashing) add(hashes);
  auto const table = hashes.finished();
  writer.write<std::uint64_t>(chunk_hashes_name, table);
  writer.close();
}

StoreWriter::StoreWriter() {
  content_.columns.token_offset.push_back(0);
  content_.columns.text_offset.push_back(0);
}

void StoreWriter::add(EncodedRecord const& encoded, Record const& record) {
  auto const& [info, row] = encoded;
  auto const text = to_json_line(record);
  auto& c = content_.columns;
  auto& tokens = content_.tokens;
  auto& weights = content_.weights;
  tokens.insert(tokens.end(), row.tokens.begin(), row.tokens.end());
  weights.insert(weights.end(), row.weights.begin(), row.weights.end());
  content_.text += text;
  c.token_offset.push_back(static_cast<std::int64_t>(tokens.size()));
  c.text_offset.push_back(static_cast<std::int64_t>(content_.text.size()));
  c.prompt_end.push_back(info.prompt_end);
  c.behavior_end.push_back(info.behavior_end);
  c.response_end.push_back(info.response_end);
  c.task.push_back(index(info.task));
  c.behavior.push_back(index(info.behavior));
  c.group.push_back(info.group);
  c.label.push_back(info.label);
  c.level.push_back(info.level);
  c.action.push_back(info.action);
  c.split.push_back(static_cast<std::uint8_t>(info.split));
  c.suites.push_back(info.suites);
  c.case_index.push_back(number_of(cases_, record.case_id));
  c.twin_index.push_back(record.twin_id.empty() ? -1 : number_of(twins_, record.twin_id));
  c.token_digest.push_back(digest_of_row(row.tokens, row.weights));
  c.text_digest.push_back(xxh64(text));
}

TokenBytes StoreWriter::used_tokens(Catalog const& catalog, std::function<std::string(TokenId)> const& bytes_of) const {
  std::set<TokenId> ids(content_.tokens.begin(), content_.tokens.end());
  for (auto const& task : catalog.tasks)
    for (auto const& label : task.label_tokens) ids.insert(label.begin(), label.end());
  for (auto const& behavior : catalog.behaviors.tokens) ids.insert(behavior.id);
  TokenBytes out;
  out.offsets.push_back(0);
  for (auto const id : ids) {
    auto const bytes = bytes_of(id);
    out.ids.push_back(id);
    out.bytes.insert(out.bytes.end(), bytes.begin(), bytes.end());
    out.offsets.push_back(static_cast<std::int64_t>(out.bytes.size()));
  }
  return out;
}

std::string StoreWriter::finish(fs::path const& file, Catalog const& catalog,
                                std::function<std::string(TokenId)> const& bytes_of,
                                std::function<std::string(std::string const&)> const& certificate) {
  content_.catalog = catalog_to_json(catalog);
  content_.token_bytes = used_tokens(catalog, bytes_of);
  auto const data_digest = digest_of_content(content_.catalog, content_.columns, content_.token_bytes);
  content_.certificate = certificate(data_digest);
  Temporary temporary(file);
  write_content(temporary.path(), content_);
  temporary.publish();
  return data_digest;
}

}  // namespace bsft
