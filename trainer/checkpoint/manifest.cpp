#include "trainer/checkpoint/manifest.hpp"

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;
constexpr int format = 3;
constexpr std::size_t most_bytes = std::size_t{16} << 20;
char const* const remedy = "resume from an older checkpoint";

bool plain(std::string const& name) {
  return !name.empty() && name.size() <= 128 && name.front() != '.' &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string::npos;
}

OrderedJson body_of(Manifest const& m) {
  OrderedJson json;
  json["format"] = format;
  json["owner"] = m.owner;
  json["step"] = m.step;
  json["epoch"] = m.epoch;
  json["step_in_epoch"] = m.step_in_epoch;
  json["updates"] = m.updates;
  json["empty_batches"] = m.empty_batches;
  json["config_digest"] = m.config_digest;
  json["data_digest"] = m.data_digest;
  if (!m.left_out.empty()) json["left_out"] = m.left_out;
  json["base_digest"] = m.base_digest;
  json["determinism"] = name(m.determinism.level);
  json["conditions"] = m.determinism.conditions;
  json["shards"] = m.shards;
  json["consumed"] = {{"digest", m.consumed.digest()}, {"samples", m.consumed.samples}};
  json["skipped"] = {{"steps", m.skipped}, {"recent", m.skipped_recently}};
  json["model_files"] = m.model_files;
  json["changes"] = OrderedJson::array();
  for (Change const& one : m.changes)
    json["changes"].push_back({{"step", one.step}, {"key", one.key}, {"from", one.from}, {"to", one.to}});
  json["files"] = OrderedJson::object();
  for (auto const& [name, entry] : m.files) json["files"][name] = {{"bytes", entry.bytes}, {"sha256", entry.sha256}};
  return json;
}

// What the run did until then.
void read_history(Json const& json, Manifest& m) {
  Json const& consumed = json.at("consumed");
  auto const ledger = Ledger::of(consumed.at("digest").get<std::string>(), consumed.at("samples").get<std::int64_t>());
  if (!ledger) throw Broken(manifest_name, "consumed.digest is none", remedy);
  m.consumed = *ledger;
  m.skipped = json.at("skipped").at("steps").get<std::int64_t>();
  m.skipped_recently = json.at("skipped").at("recent").get<std::vector<std::int64_t>>();
  m.model_files = json.at("model_files").get<std::map<std::string, std::string>>();
  for (Json const& one : json.at("changes"))
    m.changes.push_back({one.at("step").get<std::int64_t>(), one.at("key").get<std::string>(),
                         one.at("from").get<std::string>(), one.at("to").get<std::string>()});
}

}  // namespace

std::string to_json(Manifest const& manifest) {
  OrderedJson json = body_of(manifest);
  json["digest"] = xxh128_hex(json.dump());
  return json.dump(1) + "\n";
}

Manifest read_manifest(fs::path const& checkpoint) {
  fs::path const file = checkpoint / manifest_name;
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(file, error))) throw Broken(file.string(), "missing", remedy);
  std::string const text = read_file(file, most_bytes);
  Json const json = parse_json(text, file.string(), {most_bytes, 8});
  Manifest m;
  try {
    if (json.at("format").get<int>() != format) throw Broken(file.string(), "format is not 3", remedy);
    m.owner = json.at("owner").get<std::int64_t>();
    m.step = json.at("step").get<std::int64_t>();
    m.epoch = json.at("epoch").get<std::int64_t>();
    m.step_in_epoch = json.at("step_in_epoch").get<std::int64_t>();
    m.updates = json.at("updates").get<std::int64_t>();
    m.empty_batches = json.at("empty_batches").get<std::int64_t>();
    m.config_digest = json.at("config_digest").get<std::string>();
    m.data_digest = json.at("data_digest").get<std::string>();
    m.left_out = json.value("left_out", "");
    m.base_digest = json.at("base_digest").get<std::string>();
    m.determinism = {level_named(json.at("determinism").get<std::string>()), json.at("conditions").get<std::string>()};
    m.shards = json.at("shards").get<int>();
    read_history(json, m);
    for (auto const& [name, entry] : json.at("files").items()) {
      if (!plain(name)) throw Broken(file.string(), "a file name that is not plain", remedy);
      m.files[name] = {entry.at("bytes").get<std::int64_t>(), entry.at("sha256").get<std::string>()};
    }
  } catch (Json::exception const& error) {
    throw Broken(file.string(), error.what(), remedy);
  }
  if (to_json(m) != text) throw Broken(file.string(), "its bytes are not as they were written", remedy);
  return m;
}

void verify(Manifest const& manifest, fs::path const& checkpoint) {
  for (auto const& [name, entry] : manifest.files) {
    fs::path const file = checkpoint / name;
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(file, error))) throw Broken(file.string(), "missing", remedy);
    if (static_cast<std::int64_t>(fs::file_size(file)) != entry.bytes) {
      throw Broken(file.string(), "its size is not the manifest's", remedy);
    }
    if (sha256_file(file) != entry.sha256) throw Broken(file.string(), "its SHA-256 is not the manifest's", remedy);
  }
}

}  // namespace bsft
