#include "data/store/reader.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "data/base/confine.hpp"
#include "data/base/error.hpp"
#include "data/base/h5.hpp"
#include "data/base/json.hpp"
#include "data/store/catalog.hpp"
#include "data/store/columns.hpp"

namespace bsft {
namespace {

constexpr std::size_t catalog_limit = std::size_t{16} << 20;
constexpr std::uintmax_t ratio_limit = 1024;  // unpacked to stored, as in H5Reader, here of all datasets together

enum class Depth { open, walk };

void expect_names(H5Reader const& file) {
  std::string const where = file.name();
  std::set<std::string> known{
      "catalog",        "certificate",        "tokens",          "weights", "text", "chunk_hashes",
      "vocabulary/ids", "vocabulary/offsets", "vocabulary/bytes"};
  Columns const columns;
  each_column(columns, [&](char const* name, auto const&) { known.insert(name); });
  auto const names = file.names();
  if (std::binary_search(names.begin(), names.end(), "catalog") &&
      !std::binary_search(names.begin(), names.end(), chunk_hashes_name))
    throw Broken(where, "format version 1, without hashes of its chunks; this program reads 2", build_again);
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
  explicit Data(PinnedFile const& pinned, Depth depth = Depth::open)
      : where(pinned.name()), file(pinned), hashes(table_of(file), where + ": dataset " + chunk_hashes_name) {
    // First all are opened, by name, as the table has them; then the table is known to be whole; then they are read.
    std::map<std::string, std::function<void()>> opening;
    std::vector<std::function<void()>> reading;
    std::string json;
    auto const open = [&]<class T>(std::string const& name, CheckedDataset<T>& into) {
      opening[name] = [this, depth, name, &into] { into = checked<T>(name, depth); };
    };
    auto const read = [&]<class T>(std::string const& name, std::vector<T>& into) {
      opening[name] = [this, depth, name, &into, &reading] {
        auto const dataset = std::make_shared<CheckedDataset<T>>(checked<T>(name, depth));
        reading.emplace_back([dataset, &into] { into = dataset->read(); });
      };
    };
    auto const read_text = [&](std::string const& name, std::string& into) {
      opening[name] = [this, depth, name, &into, &reading] {
        auto const dataset = std::make_shared<CheckedDataset<std::uint8_t>>(checked<std::uint8_t>(name, depth));
        if (dataset->size() > static_cast<std::int64_t>(catalog_limit))
          throw Broken(at(name), std::to_string(dataset->size()) + " bytes, at most " + std::to_string(catalog_limit));
        reading.emplace_back([dataset, &into] {
          auto const bytes = dataset->read();
          into.assign(bytes.begin(), bytes.end());
        });
      };
    };
    read_text("catalog", json);
    auto const names = file.names();
    if (std::binary_search(names.begin(), names.end(), "certificate")) read_text("certificate", certificate);
    each_column(columns, read);
    read("vocabulary/ids", token_bytes.ids);
    read("vocabulary/offsets", token_bytes.offsets);
    read("vocabulary/bytes", token_bytes.bytes);
    open("tokens", tokens);
    open("weights", weights);
    open("text", text);
    for (auto const& [name, step] : opening) step();
    if (unpacked_bytes / ratio_limit > file.file_bytes())
      throw Broken(where, std::to_string(unpacked_bytes) + " bytes when unpacked, more than 1024 times its size");
    hashes.expect_whole();
    for (auto const& step : reading) step();
    catalog = catalog_from_json(json, where + ": dataset catalog");
    check_sizes();
    check_columns();
    catalog.data_digest = digest_of_content(json, columns, token_bytes);
    make_records();
    pinned.expect_unchanged();
  }

  static std::vector<std::uint64_t> table_of(H5Reader const& file) {
    expect_names(file);
    return file.open<std::uint64_t>(chunk_hashes_name).read();
  }

  template <class T>
  CheckedDataset<T> checked(std::string const& name, Depth depth) {
    auto dataset = file.open<T>(name);
    if (depth == Depth::walk) file.walk(dataset);
    unpacked_bytes += static_cast<std::uintmax_t>(dataset.size()) * sizeof(T);
    auto const mine = hashes.of(name, dataset.size(), dataset.chunk());
    auto const chunk = dataset.chunk(), size = dataset.size();
    return {std::move(dataset), mine, [this, name, chunk, size](std::int64_t number, std::string const& why) {
              throw Broken(damage_of(name, number, chunk, size, why).line);
            }};
  }

  // A row's chunk is reached into by the records whose offsets say so, a column's has its records, and the catalogue
  // and the vocabulary are everybody's.
  ChunkDamage damage_of(std::string const& name, std::int64_t number, std::int64_t chunk, std::int64_t size,
                        std::string const& why) const {
    std::int64_t const begin = number * chunk, end = std::min(begin + chunk, size);
    bool const column = name.rfind("records/", 0) == 0, tokens = name == "tokens" || name == "weights";
    ChunkDamage damage{name, number, 0, 0, {}};
    std::string what = at(name) + ", chunk " + std::to_string(number);
    if (column) {
      std::int64_t const records = size - (name.ends_with("_offset") ? 1 : 0);
      damage.first_record = std::min(begin, records - 1);
      damage.last_record = std::min(end, records) - 1;
    } else if (tokens || name == "text") {
      auto const& offsets = tokens ? columns.token_offset : columns.text_offset;
      damage.first_record = std::upper_bound(offsets.begin(), offsets.end(), begin) - offsets.begin() - 1;
      damage.last_record = std::lower_bound(offsets.begin(), offsets.end(), end) - offsets.begin() - 1;
    } else {
      damage.line = one_line(what + ", all records", why, build_again);
      return damage;
    }
    what += ", records " + std::to_string(damage.first_record) + " to " + std::to_string(damage.last_record);
    damage.line =
        one_line(what, why, std::string(build_again) + (tokens ? ", or leave these out: data.skip_corrupt" : ""));
    return damage;
  }

  template <class T>
  void look_at(std::string const& name, CheckedDataset<T> const& dataset, std::int64_t begin, std::int64_t end,
               std::vector<ChunkDamage>& found) const {
    std::vector<T> values;
    for (std::int64_t number = std::max<std::int64_t>(begin, 0); number < std::min(end, dataset.chunks()); ++number)
      if (std::string const why = dataset.fault(number, values); !why.empty())
        found.push_back(damage_of(name, number, dataset.chunk(), dataset.size(), why));
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
  ChunkHashes hashes;
  std::uintmax_t unpacked_bytes = 0;
  Catalog catalog;
  Columns columns;
  TokenBytes token_bytes;
  CheckedDataset<std::int32_t> tokens;
  CheckedDataset<float> weights;
  CheckedDataset<std::uint8_t> text;
  std::vector<RecordInfo> records;
  std::string certificate;
};

StoreReader::StoreReader(Probed file) : data_(std::make_unique<Data>(file.pinned())) {}
StoreReader::~StoreReader() = default;
StoreReader::StoreReader(StoreReader&&) noexcept = default;

Catalog const& StoreReader::catalog() const { return data_->catalog; }
std::vector<RecordInfo> const& StoreReader::records() const { return data_->records; }
std::string const& StoreReader::certificate() const { return data_->certificate; }

Probed probe(std::filesystem::path const& file) {
  PinnedFile pinned(file);
  confine(pinned.name(), {}, [&] { StoreReader::Data const all(pinned, Depth::walk); });
  return Probed(std::move(pinned));
}

std::vector<ChunkDamage> StoreReader::damage(Rows rows, std::int64_t part, std::int64_t parts) const {
  auto const& [tokens, weights, text] = std::tie(data_->tokens, data_->weights, data_->text);
  std::int64_t const after_tokens = tokens.chunks(), after_weights = after_tokens + weights.chunks();
  std::int64_t const all = after_weights + (rows == Rows::tokens_and_text ? text.chunks() : 0);
  std::int64_t const begin = all * part / parts, end = all * (part + 1) / parts;
  std::vector<ChunkDamage> found;
  data_->look_at("tokens", tokens, begin, end, found);
  data_->look_at("weights", weights, begin - after_tokens, end - after_tokens, found);
  if (rows == Rows::tokens_and_text) data_->look_at("text", text, begin - after_weights, end - after_weights, found);
  return found;
}

bool lies_in(std::vector<ChunkDamage> const& damage, std::int64_t record) {
  return std::any_of(damage.begin(), damage.end(), [record](ChunkDamage const& chunk) {
    return chunk.first_record <= record && record <= chunk.last_record;
  });
}

StoredTokens StoreReader::read(std::int64_t record) const {
  data_->expect_record(record);
  auto const& info = data_->records[record];
  StoredTokens row{data_->tokens.read(info.offset, info.length), data_->weights.read(info.offset, info.length)};
  if (digest_of_row(row.tokens, row.weights) != data_->columns.token_digest[record])
    throw Broken(data_->at("tokens"), "record " + std::to_string(record) + " is not what was written", build_again);
  return row;
}

std::string StoreReader::text(std::int64_t record) const {
  data_->expect_record(record);
  auto const begin = data_->columns.text_offset[record], end = data_->columns.text_offset[record + 1];
  auto const bytes = data_->text.read(begin, end - begin);
  std::string text(bytes.begin(), bytes.end());
  if (xxh64(text) != data_->columns.text_digest[record])
    throw Broken(data_->at("text"), "record " + std::to_string(record) + " is not what was written", build_again);
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
  if (data_->certificate.empty()) throw Invalid(Exit::data, data_->where, "no audit certificate", build_again);
  Json const json = parse_json(data_->certificate, data_->at("certificate"));
  if (!json.is_object() || !json.contains("passed") || json["passed"] != true)
    throw Invalid(Exit::data, data_->where, "the audit did not pass", "see bsft data audit " + data_->where);
  if (!json.contains("data_digest") || json["data_digest"] != data_->catalog.data_digest)
    throw Invalid(Exit::data, data_->where, "the audit certificate is of other contents", build_again);
}

}  // namespace bsft
