#include "data/store/match.hpp"

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

// Raise when the same records and model would give other rows.
constexpr char const* converter = "bsft converter 1: prompt 0 | behaviour 1 | response 1 | end 1; labels as responses";

std::string tokenizer_digest(Tokenizer const& tokenizer, BehaviorMap const& behaviors) {
  std::vector<TokenId> ids;
  for (auto const& behavior : behaviors.tokens) ids.push_back(behavior.id);
  return tokenizer.digest_without(ids);
}

// The behaviours as this model would number them.
std::string behavior_digest(Catalog const& catalog, Tokenizer const& tokenizer, TokenId rows) {
  std::vector<BehaviorSpec> specs;
  for (auto const& b : catalog.behaviors.tokens) specs.push_back({b.name, b.token, b.description});
  return assign_behavior_ids(specs, tokenizer, rows).digest();
}

}  // namespace

void set_digests(Catalog& catalog, Tokenizer const& tokenizer, ChatTemplate const& chat) {
  catalog.tokenizer_digest = tokenizer_digest(tokenizer, catalog.behaviors);
  catalog.template_digest = chat.digest();
  catalog.behavior_digest = catalog.behaviors.digest();
  catalog.converter_digest = xxh128_hex(converter);
}

void require_match(Catalog const& catalog, Tokenizer const& tokenizer, ChatTemplate const& chat, TokenId rows) {
  std::string differs;
  auto const compare = [&](char const* what, std::string const& stored, std::string const& now) {
    if (stored != now)
      differs += (differs.empty() ? "" : ", ") + std::string(what) + " " + stored.substr(0, 8) + " in the file, " +
                 now.substr(0, 8) + " of the model";
  };
  compare("tokenizer", catalog.tokenizer_digest, tokenizer_digest(tokenizer, catalog.behaviors));
  compare("template", catalog.template_digest, chat.digest());
  compare("behaviors", catalog.behavior_digest, behavior_digest(catalog, tokenizer, rows));
  compare("converter", catalog.converter_digest, xxh128_hex(converter));
  if (!differs.empty())
    throw Invalid(Exit::data, "the data file was built for another model or by another version", differs,
                  "build it again: bsft data build --records FILE.jsonl --model DIR --out FILE.h5");
}

}  // namespace bsft
