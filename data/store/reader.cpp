#include "data/store/reader.hpp"

#include <algorithm>
#include <set>

#include "data/base/error.hpp"
#include "data/base/h5.hpp"
#include "data/base/json.hpp"
#include "data/store/catalog.hpp"
#include "data/store/columns.hpp"

namespace bsft {
namespace {

constexpr std::size_t catalog_limit = std::size_t{16} << 20;

void expect_names(H5Reader const& file, std::string const& where) {
  std::set<std::string> known{"catalog",        "certificate",        "tokens",          "weights", "text",
                              "vocabulary/ids", "vocabulary/offsets", "vocabulary/bytes"};
  Columns const columns;
  each_column(columns, [&](char const* name, auto const&) { known.insert(name); });
  auto const names = file.names();
  for (auto const& name : names)
    if (!known.contains(name)) throw Broken(where, "dataset " + name + " is not of the format");
  for (auto const& name : known)
    if (name != "certificate" && !std::binary_search(names.begin(), names.end(), name))
      throw Broken(where, "dataset " + name + " is missing");
}

// Offsets rise strictly from 0 to `end`.
void expect_offsets(std::vector<std::int64_t> const& offsets, std::int64_t end, std::string const& where) {
  bool const rises =
      std::adjacent_find(offsets.begin(), offsets.end(), [](auto a, auto b) { return a >= b; }) == offsets.end();
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != end || !rises)
    throw Broken(where, "does not rise from 0 to " + std::to_string(end));
}

template <class T>
void expect_within(std::vector<T> const& values, std::int64_t low, std::int64_t high, std::string const& where) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (static_cast<std::int64_t>(values[i]) < low || static_cast<std::int64_t>(values[i]) >= high)
      throw Broken(where, "record " + std::to_string(i) + " has " + std::to_string(values[i]) + ", not " +
                              std::to_string(low) + " to " + std::to_string(high - 1));
}

}  // namespace

struct StoreReader::Data {
  explicit Data(std::filesystem::path const& path) : where(path.string()), file(path) {
    expect_names(file, where);
    auto const json = file.read_text("catalog", catalog_limit);
    catalog = catalog_from_json(json, where + ": dataset catalog");
    auto const names = file.names();
    if (std::binary_search(names.begin(), names.end(), "certificate"))
      certificate = file.read_text("certificate", catalog_limit);
    each_column(columns,
                [&]<class T>(char const* name, std::vector<T>& values) { values = file.open<T>(name).read(); });
    token_bytes.ids = file.open<std::int32_t>("vocabulary/ids").read();
    token_bytes.offsets = file.open<std::int64_t>("vocabulary/offsets").read();
    token_bytes.bytes = file.open<std::uint8_t>("vocabulary/bytes").read();
    tokens = file.open<std::int32_t>("tokens");
    weights = file.open<float>("weights");
    text = file.open<std::uint8_t>("text");
    check_sizes();
    check_columns();
    catalog.data_digest = digest_of_content(json, columns, token_bytes);
    make_records();
  }

  std::string at(std::string const& name) const { return where + ": dataset " + name; }

  void check_sizes() const {
    auto const records = columns.task.size();
    each_column(columns, [&](std::string const& name, auto const& values) {
      std::size_t const expected = name.ends_with("_offset") ? records + 1 : records;
      if (values.size() != expected)
        throw Broken(at(name),
                     std::to_string(values.size()) + " rows, " + std::to_string(expected) + " by records/task");
    });
    expect_offsets(columns.token_offset, tokens.size(), at("records/token_offset"));
    expect_offsets(columns.text_offset, text.size(), at("records/text_offset"));
    if (weights.size() != tokens.size()) throw Broken(at("weights"), "not as many as tokens");
    if (token_bytes.offsets.size() != token_bytes.ids.size() + 1 ||
        !std::is_sorted(token_bytes.offsets.begin(), token_bytes.offsets.end()) || token_bytes.offsets.front() != 0 ||
        token_bytes.offsets.back() != static_cast<std::int64_t>(token_bytes.bytes.size()))
      throw Broken(at("vocabulary/offsets"), "does not cut vocabulary/bytes");
    if (std::adjacent_find(token_bytes.ids.begin(), token_bytes.ids.end(), std::greater_equal<>()) !=
        token_bytes.ids.end())
      throw Broken(at("vocabulary/ids"), "does not rise");
  }

  void check_columns() const {
    auto const size = [](auto const& list) { return static_cast<std::int64_t>(list.size()); };
    auto const records = size(columns.task);
    expect_within(columns.task, 0, size(catalog.tasks), at("records/task"));
    expect_within(columns.behavior, 0, size(catalog.behaviors.tokens), at("records/behavior"));
    expect_within(columns.group, 0, size(catalog.groups), at("records/group"));
    expect_within(columns.level, 0, 6, at("records/level"));
    expect_within(columns.action, 0, 4, at("records/action"));
    expect_within(columns.split, 0, 3, at("records/split"));
    expect_within(columns.suites, 0, std::int64_t{1} << catalog.suites.size(), at("records/suites"));
    expect_within(columns.case_index, 0, records, at("records/case"));
    expect_within(columns.twin_index, -1, records, at("records/twin"));
    for (std::size_t i = 0; i < columns.task.size(); ++i) {
      auto const labels = size(catalog.tasks[columns.task[i]].labels);
      if (columns.label[i] < -1 || columns.label[i] >= labels)
        throw Broken(at("records/label"), "record " + std::to_string(i) + " has " + std::to_string(columns.label[i]));
      auto const length = columns.token_offset[i + 1] - columns.token_offset[i];
      if (columns.prompt_end[i] < 0 || columns.behavior_end[i] < columns.prompt_end[i] ||
          columns.response_end[i] < columns.behavior_end[i] || length < columns.response_end[i] || length > 1 << 30)
        throw Broken(at("records/response_end"),
                     "the spans of record " + std::to_string(i) + " do not follow each other");
    }
  }

  void make_records() {
    records.resize(columns.task.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      auto& r = records[i];
      r.offset = columns.token_offset[i];
      r.prompt_end = columns.prompt_end[i];
      r.behavior_end = columns.behavior_end[i];
      r.response_end = columns.response_end[i];
      r.length = static_cast<std::int32_t>(columns.token_offset[i + 1] - columns.token_offset[i]);
      r.task = TaskId{columns.task[i]};
      r.behavior = BehaviorId{columns.behavior[i]};
      r.group = columns.group[i];
      r.label = columns.label[i];
      r.level = columns.level[i];
      r.action = columns.action[i];
      r.split = static_cast<Split>(columns.split[i]);
      r.suites = columns.suites[i];
      r.case_index = columns.case_index[i];
      r.twin_index = columns.twin_index[i];
    }
  }

  void expect_record(std::int64_t record) const {
    ensure(record >= 0 && record < static_cast<std::int64_t>(records.size()), "a record of this file");
  }

  std::string where;
  H5Reader file;
  Catalog catalog;
  Columns columns;
  TokenBytes token_bytes;
  H5Dataset<std::int32_t> tokens;
  H5Dataset<float> weights;
  H5Dataset<std::uint8_t> text;
  std::vector<RecordInfo> records;
  std::string certificate;
};

StoreReader::StoreReader(std::filesystem::path const& file) : data_(std::make_unique<Data>(file)) {}
StoreReader::~StoreReader() = default;
StoreReader::StoreReader(StoreReader&&) noexcept = default;

Catalog const& StoreReader::catalog() const { return data_->catalog; }
std::vector<RecordInfo> const& StoreReader::records() const { return data_->records; }
std::string const& StoreReader::certificate() const { return data_->certificate; }

StoredTokens StoreReader::read(std::int64_t record) const {
  data_->expect_record(record);
  auto const& info = data_->records[record];
  StoredTokens row{data_->tokens.read(info.offset, info.length), data_->weights.read(info.offset, info.length)};
  if (digest_of_row(row.tokens, row.weights) != data_->columns.token_digest[record])
    throw Broken(data_->at("tokens"), "record " + std::to_string(record) + " is not what was written",
                 "build it again with bsft data build");
  return row;
}

std::string StoreReader::text(std::int64_t record) const {
  data_->expect_record(record);
  auto const begin = data_->columns.text_offset[record], end = data_->columns.text_offset[record + 1];
  auto const bytes = data_->text.read(begin, end - begin);
  std::string text(bytes.begin(), bytes.end());
  if (xxh64(text) != data_->columns.text_digest[record])
    throw Broken(data_->at("text"), "record " + std::to_string(record) + " is not what was written",
                 "build it again with bsft data build");
  return text;
}

std::string StoreReader::bytes_of(std::span<TokenId const> tokens) const {
  auto const& [ids, offsets, bytes] = data_->token_bytes;
  std::string out;
  for (auto const token : tokens) {
    auto const found = std::lower_bound(ids.begin(), ids.end(), token);
    if (found == ids.end() || *found != token)
      throw Broken(data_->at("vocabulary/ids"), "token " + std::to_string(token) + " is missing");
    auto const i = found - ids.begin();
    out.append(bytes.begin() + offsets[i], bytes.begin() + offsets[i + 1]);
  }
  return out;
}

void StoreReader::require_certificate() const {
  std::string const rebuild = "build it again with bsft data build";
  if (data_->certificate.empty()) throw Invalid(Exit::data, data_->where, "no audit certificate", rebuild);
  Json const json = parse_json(data_->certificate, data_->at("certificate"));
  if (!json.is_object() || !json.contains("passed") || json["passed"] != true)
    throw Invalid(Exit::data, data_->where, "the audit did not pass", "see bsft data audit " + data_->where);
  if (!json.contains("data_digest") || json["data_digest"] != data_->catalog.data_digest)
    throw Invalid(Exit::data, data_->where, "the audit certificate is of other contents", rebuild);
}

}  // namespace bsft
