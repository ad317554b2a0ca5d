#include "data/store/build.hpp"

#include <algorithm>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/json.hpp"
#include "data/schema/taxonomy.hpp"
#include "data/store/catalog.hpp"
#include "data/store/encoder.hpp"
#include "data/store/match.hpp"
#include "data/store/sources.hpp"
#include "data/store/writer.hpp"

namespace bsft {
namespace {

// What the model's config.json says about its sizes.
struct ModelLimits {
  TokenId rows = 0;
  std::int64_t positions = 0;  // 0: not said
};

ModelLimits read_limits(std::filesystem::path const& folder) {
  auto const file = folder / "config.json";
  if (!std::filesystem::exists(file))
    throw Invalid(Exit::data, "no config.json in " + folder.string(), "--model names a Hugging Face folder");
  Json const json = read_json(file);
  auto const count = [&](char const* key) -> std::int64_t {
    if (!json.is_object() || !json.contains(key)) return 0;
    if (!json[key].is_number_unsigned() || json[key] == 0 || json[key] > 1 << 30)
      throw Broken(file.string(), std::string("\"") + key + "\" is not a count");
    return json[key].get<std::int64_t>();
  };
  ModelLimits const limits{static_cast<TokenId>(count("vocab_size")), count("max_position_embeddings")};
  if (limits.rows == 0) throw Broken(file.string(), "\"vocab_size\" is missing");
  return limits;
}

// Tokenises and audits every record in order; what passes is with the writer.
Audit encode_all(std::vector<SourcedRecord> const& sources, Catalog const& catalog, ChatTemplate const& chat,
                 Auditor::BytesOf const& bytes_of, Overlong overlong, StoreWriter& writer) {
  Encoder const encoder(catalog, chat);
  Auditor auditor(catalog, bytes_of);
  for (auto const& [record, where] : sources) {
    EncodedRecord const encoded = encoder.encode(record);
    auto const& info = encoded.info;
    if (overlong == Overlong::drop && info.length > catalog.max_length) {
      auditor.drop(info.task, info.behavior, info.split);
      continue;
    }
    auditor.add(info, encoded.row, record, where);
    writer.add(encoded, record);
  }
  return auditor.finish();
}

}  // namespace

BuildResult build_store(BuildOptions const& options, std::function<void(std::string const&)> const& tell) {
  auto const limits = read_limits(options.model);
  Taxonomy const taxonomy = read_taxonomy(options.behaviors);
  Tokenizer const tokenizer(options.model);
  auto const family = template_family(options.template_name, options.model);
  ChatTemplate const chat(family, tokenizer);
  auto [sources, needing_images] = read_sources(options.records, taxonomy.suites);
  order_by_case(sources);
  tell("read " + std::to_string(sources.size()) + " records");

  if (sources.empty())
    throw Invalid(Exit::data, "no records are left", "all of them need an image, which is not supported", "");
  FindingList findings;
  BuildResult result;
  auto& catalog = result.catalog = make_catalog(sources, taxonomy, findings);
  findings.throw_any(Exit::data);
  for (auto const& [task, count] : needing_images) {
    catalog.excluded[task] = std::to_string(count) + " records need an image, which is not supported";
    tell("left out: task " + task + ", " + catalog.excluded[task]);
  }
  catalog.behaviors = assign_behavior_ids(taxonomy.behaviors, tokenizer, limits.rows);
  catalog.end_token = chat.end();
  catalog.template_name = name_of(family);
  catalog.max_length = options.max_length > 0 ? options.max_length : limits.positions;
  if (catalog.max_length == 0)
    throw Invalid(Exit::data, (options.model / "config.json").string(), "no \"max_position_embeddings\"",
                  "give --max-length");
  if (limits.positions > 0 && catalog.max_length > limits.positions)
    throw Invalid(Exit::usage, "--max-length " + std::to_string(catalog.max_length),
                  "the model has " + std::to_string(limits.positions) + " positions");
  set_digests(catalog, tokenizer, chat);
  encode_labels(catalog, chat);

  StoreWriter writer;
  result.audit = encode_all(
      sources, catalog, chat,
      [&](std::span<TokenId const> ids) {
        std::string bytes;
        for (auto const id : ids) bytes += tokenizer.bytes_of(id);
        return bytes;
      },
      options.overlong, writer);
  result.audit.findings.throw_any(Exit::data);
  if (writer.size() == 0)
    throw Invalid(Exit::data, "no records are left", "all are over " + std::to_string(catalog.max_length) + " tokens",
                  "raise --max-length");
  tell("tokenised and audited " + std::to_string(writer.size()) + " records");
  auto const bytes_of = [&](TokenId id) {
    for (auto const& behavior : catalog.behaviors.tokens)
      if (behavior.id == id) return behavior.token;
    return tokenizer.bytes_of(id);
  };
  catalog.data_digest = writer.finish(options.out, catalog, bytes_of,
                                      [&](std::string const& digest) { return result.audit.to_json(digest); });
  return result;
}

}  // namespace bsft
