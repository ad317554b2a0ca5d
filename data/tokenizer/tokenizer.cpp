#include "data/tokenizer/tokenizer.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/tokenizer/nfc.hpp"
#include "data/tokenizer/tokenizer_json.hpp"
#include "data/tokenizer/utf8.hpp"

namespace bsft {
namespace {

constexpr std::size_t most_text_bytes = std::size_t{64} << 20;

// <|reserved_special_token_7|>, <|reserved_7|>, <|extra_7|>, <|unused_7|>
bool is_placeholder(std::string_view content) {
  if (!content.starts_with("<|") || !content.ends_with("|>")) return false;
  content = content.substr(2, content.size() - 4);
  auto const digits = content.find_last_not_of("0123456789") + 1;
  if (digits == content.size()) return false;
  auto const stem = content.substr(0, digits);
  return stem == "reserved_special_token_" || stem == "reserved_token_" || stem == "reserved_" || stem == "extra_" ||
         stem == "unused_";
}

std::string text_of(auto number) { return std::to_string(static_cast<long long>(number)); }

// Everything but the added tokens.
std::string core_digest(TokenizerJson const& json) {
  Digest digest;
  digest.add("tokenizer 1")
      .add(json.nfc ? "nfc" : "raw")
      .add(text_of(json.cut))
      .add(json.ignore_merges ? "whole" : "merges");
  std::vector<std::pair<TokenId, std::string_view>> entries;
  for (auto const& [token, id] : json.vocabulary) entries.emplace_back(id, token);
  std::sort(entries.begin(), entries.end());
  for (auto const& [id, token] : entries) digest.add(text_of(id)).add(token);
  for (auto const& m : json.merges) digest.add(text_of(m.left)).add(text_of(m.right));
  return digest.hex();
}

std::string digest_of(std::string const& core, std::vector<AddedToken> const& added, std::span<TokenId const> without) {
  Digest digest;
  digest.add(core);
  for (auto const& t : added)
    if (std::find(without.begin(), without.end(), t.id) == without.end())
      digest.add(text_of(t.id))
          .add(t.content)
          .add(t.special ? "special" : "plain")
          .add(t.normalized ? "normalized" : "raw");
  return digest.hex();
}

struct Vocabulary {  // what the byte-level alphabet says in bytes
  std::vector<std::string> bytes;
  std::unordered_map<std::string, TokenId> ids;
  std::unordered_map<std::string, TokenId> words;  // reachable from text
  std::array<TokenId, 256> single;
};

Vocabulary vocabulary_of(TokenizerJson const& json) {
  Vocabulary out;
  out.single.fill(-1);
  TokenId size = 0;
  for (auto const& [token, id] : json.vocabulary) size = std::max(size, id + 1);
  for (auto const& token : json.added) size = std::max(size, token.id + 1);
  out.bytes.resize(static_cast<std::size_t>(size));
  for (auto const& [token, id] : json.vocabulary) {
    auto const bytes = from_byte_alphabet(token);
    out.bytes[static_cast<std::size_t>(id)] = bytes.value_or(token);
    if (!bytes) {
      out.ids.emplace(token, id);
      continue;
    }
    out.ids[*bytes] = id;
    out.words.emplace(*bytes, id);
    if (bytes->size() == 1) out.single[static_cast<unsigned char>(bytes->front())] = id;
  }
  for (auto const& token : json.added) {
    out.bytes[static_cast<std::size_t>(token.id)] = token.content;
    out.ids[token.content] = token.id;
    if (token.special) out.words.erase(token.content);
  }
  return out;
}

}  // namespace

struct Tokenizer::Data {
  explicit Data(TokenizerJson json) : Data(json, vocabulary_of(json)) {}
  Data(TokenizerJson const& json, Vocabulary vocabulary)
      : bytes(std::move(vocabulary.bytes)),
        ids(std::move(vocabulary.ids)),
        nfc(json.nfc),
        cut(json.cut),
        bpe(vocabulary.single, json.merges,
            json.ignore_merges ? std::move(vocabulary.words) : std::unordered_map<std::string, TokenId>()),
        bos(json.bos),
        eos(json.eos),
        opening(json.opening),
        added(json.added),
        core(core_digest(json)) {
    for (auto const& token : json.added) {
      if (token.normalized) {
        auto normal = token;
        if (nfc) normal.content = bsft::nfc(token.content);
        after.add(normal);
      } else {
        before.add(token);
      }
      if (token.special) special.insert(token.id);
      if (token.special && is_placeholder(token.content)) reserved.push_back(token.id);
    }
    std::sort(reserved.begin(), reserved.end());
  }

  void encode_plain(std::string_view text, Specials specials, std::vector<TokenId>& out) const {
    auto const words = [&](std::string_view piece) {
      cut.cut(piece, [&](std::string_view word) { bpe.encode(word, out); });
    };
    std::string const normal = nfc ? bsft::nfc(text) : std::string();
    after.split(nfc ? std::string_view(normal) : text, specials, words, [&](TokenId id) { out.push_back(id); });
  }

  std::vector<std::string> bytes;  // by id; empty: no such id
  std::unordered_map<std::string, TokenId> ids;
  bool nfc;
  PreTokenizer cut;
  Bpe bpe;
  AddedTokens before, after;  // matched before and after normalisation
  std::unordered_set<TokenId> special;
  std::vector<TokenId> reserved;
  std::optional<TokenId> bos, eos;
  std::vector<TokenId> opening;
  std::vector<AddedToken> added;
  std::string core;  // digest of everything else
};

Tokenizer::Tokenizer(std::filesystem::path const& folder)
    : data_(std::make_unique<Data>(read_tokenizer_json(folder))) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::encode(std::string_view text, Specials specials) const {
  if (text.size() > most_text_bytes)
    throw Invalid(Exit::data, "text is too long", std::to_string(text.size()) + " bytes, at most 64 MiB", "cut it");
  expect_utf8(text);
  std::vector<TokenId> out;
  out.reserve(text.size() / 4 + 4);
  data_->before.split(
      text, specials, [&](std::string_view piece) { data_->encode_plain(piece, specials, out); },
      [&](TokenId id) { out.push_back(id); });
  return out;
}

std::string Tokenizer::decode(std::span<TokenId const> ids) const {
  std::string bytes;
  for (TokenId id : ids) bytes += bytes_of(id);
  return repair_utf8(std::move(bytes));
}

std::string Tokenizer::bytes_of(TokenId id) const {
  if (id < 0 || id >= size()) return {};
  return data_->bytes[static_cast<std::size_t>(id)];
}

std::optional<TokenId> Tokenizer::find(std::string_view token) const {
  auto const found = data_->ids.find(std::string(token));
  return found == data_->ids.end() ? std::nullopt : std::optional(found->second);
}

TokenId Tokenizer::size() const { return static_cast<TokenId>(data_->bytes.size()); }
std::optional<TokenId> Tokenizer::bos() const { return data_->bos; }
std::optional<TokenId> Tokenizer::eos() const { return data_->eos; }
std::vector<TokenId> Tokenizer::opening() const { return data_->opening; }
bool Tokenizer::is_special(TokenId id) const { return data_->special.contains(id); }
std::vector<TokenId> Tokenizer::reserved() const { return data_->reserved; }
std::string Tokenizer::digest() const { return digest_without({}); }
std::string Tokenizer::digest_without(std::span<TokenId const> ids) const {
  return digest_of(data_->core, data_->added, ids);
}

}  // namespace bsft
