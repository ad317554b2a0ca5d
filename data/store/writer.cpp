#include "data/store/writer.hpp"

#include <unistd.h>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/h5.hpp"
#include "data/store/catalog.hpp"

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

StoreWriter::StoreWriter() {
  columns_.token_offset.push_back(0);
  columns_.text_offset.push_back(0);
}

void StoreWriter::add(EncodedRecord const& encoded, Record const& record) {
  auto const& [info, row] = encoded;
  auto const text = to_json_line(record);
  tokens_.insert(tokens_.end(), row.tokens.begin(), row.tokens.end());
  weights_.insert(weights_.end(), row.weights.begin(), row.weights.end());
  text_ += text;
  auto& c = columns_;
  c.token_offset.push_back(static_cast<std::int64_t>(tokens_.size()));
  c.text_offset.push_back(static_cast<std::int64_t>(text_.size()));
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
  std::set<TokenId> ids(tokens_.begin(), tokens_.end());
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
  auto const json = catalog_to_json(catalog);
  auto const token_bytes = used_tokens(catalog, bytes_of);
  auto const data_digest = digest_of_content(json, columns_, token_bytes);
  Temporary temporary(file);
  H5Writer writer(temporary.path());
  writer.write_text("catalog", json);
  each_column(columns_, [&](char const* name, auto const& values) { writer.write(name, std::span(values)); });
  writer.write("tokens", std::span(std::as_const(tokens_)));
  writer.write("weights", std::span(std::as_const(weights_)));
  writer.write_text("text", text_);
  writer.write("vocabulary/ids", std::span(token_bytes.ids));
  writer.write("vocabulary/offsets", std::span(token_bytes.offsets));
  writer.write("vocabulary/bytes", std::span(token_bytes.bytes));
  writer.write_text("certificate", certificate(data_digest));
  writer.close();
  temporary.publish();
  return data_digest;
}

}  // namespace bsft
