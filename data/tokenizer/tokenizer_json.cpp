#include "data/tokenizer/tokenizer_json.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "data/base/error.hpp"
#include "data/tokenizer/fields.hpp"
#include "data/tokenizer/utf8.hpp"

namespace bsft {
namespace {

constexpr std::size_t most_entries = 2'000'000, most_token_bytes = 4096;

// The split patterns of the families, as their files write them.
constexpr std::string_view qwen2_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view llama3_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

void read_byte_level(Field const& field, bool use_regex) {
  field.only("ByteLevel").at("add_prefix_space").expect_absent_or(false);
  if (field.at("use_regex").truth(true) != use_regex)
    field.at("use_regex").refuse(use_regex ? "is false without a Split before it" : "is true after a Split");
}

Cut read_pre_tokenizer(Field const& field) {
  if (field.is_null()) field.refuse("is missing");
  if (field.at("type").text() != "Sequence") {
    read_byte_level(field, true);
    return Cut::gpt2;
  }
  auto const parts = field.at("pretokenizers");
  if (parts.size() == 0 || parts.size() > 2) parts.refuse("holds neither one nor two steps");
  if (parts.size() == 1) {
    read_byte_level(parts.at(std::size_t{0}), true);
    return Cut::gpt2;
  }
  auto const first = parts.at(std::size_t{0}), second = parts.at(std::size_t{1});
  if (first.at("type").text() == "Digits") {
    if (!first.at("individual_digits").truth(false)) first.at("individual_digits").refuse("is false");
    read_byte_level(second, true);
    return Cut::digits_gpt2;
  }
  first.only("Split").at("behavior").expect_absent_or("Isolated");
  first.at("invert").expect_absent_or(false);
  auto const pattern = first.at("pattern").at("Regex");
  bool const qwen2 = pattern.text() == qwen2_pattern;
  if (!qwen2 && pattern.text() != llama3_pattern) pattern.refuse("is not a known split pattern");
  read_byte_level(second, false);
  return qwen2 ? Cut::qwen2 : Cut::llama3;
}

bool read_normalizer(Field const& field) {
  if (field.is_null()) return false;
  if (field.at("type").text() != "Sequence") {
    field.only("NFC");
    return true;
  }
  auto const parts = field.at("normalizers");
  for (std::size_t i = 0; i < parts.size(); ++i) parts.at(i).only("NFC");
  return parts.size() > 0;
}

void read_vocabulary(Field const& field, TokenizerJson& out) {
  if (!field.json().is_object() || field.json().empty()) field.refuse("is not an object of token: id");
  auto const count = field.json().size();
  if (count > most_entries) field.refuse("holds " + std::to_string(count) + " entries, at most 2000000");
  std::unordered_set<std::int64_t> ids;
  for (auto const& [token, id] : field.json().items()) {
    auto const entry = field.at(token);
    if (token.empty() || token.size() > most_token_bytes)
      field.refuse("holds a token of " + std::to_string(token.size()) + " bytes, 1 to 4096 are allowed");
    auto const number = entry.number();
    if (number < 0 || number >= static_cast<std::int64_t>(2 * count))
      entry.refuse("is an id outside 0 to twice the vocabulary");
    if (!ids.insert(number).second) entry.refuse("repeats the id " + std::to_string(number));
    out.vocabulary.emplace(token, static_cast<TokenId>(number));
  }
}

std::pair<std::string, std::string> read_parts(Field const& field) {
  if (field.json().is_array()) {
    if (field.size() != 2) field.refuse("is not a pair");
    return {field.at(std::size_t{0}).text(), field.at(std::size_t{1}).text()};
  }
  auto const& text = field.text();
  auto const space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    field.refuse("is not two parts and a space");
  return {text.substr(0, space), text.substr(space + 1)};
}

void read_merges(Field const& field, TokenizerJson& out) {
  auto const count = field.size();
  if (count > most_entries) field.refuse("holds " + std::to_string(count) + " entries, at most 2000000");
  std::unordered_set<std::uint64_t> seen;
  out.merges.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto const entry = field.at(i);
    auto const [left, right] = read_parts(entry);
    auto const id_of = [&](std::string const& token) {
      auto const found = out.vocabulary.find(token);
      if (found == out.vocabulary.end()) entry.refuse("names \"" + token + "\", which the vocabulary lacks");
      return found->second;
    };
    Merge const merge{id_of(left), id_of(right), id_of(left + right)};
    auto const pair =
        std::uint64_t{static_cast<std::uint32_t>(merge.left)} << 32 | static_cast<std::uint32_t>(merge.right);
    if (!seen.insert(pair).second) entry.refuse("repeats a merge");
    out.merges.push_back(merge);
  }
}

void read_model(Field const& field, TokenizerJson& out) {
  field.only("BPE");
  for (auto const* key : {"dropout", "unk_token"}) field.at(key).expect_absent_or(nullptr);
  for (auto const* key : {"continuing_subword_prefix", "end_of_word_suffix"}) field.at(key).expect_absent_or("");
  field.at("byte_fallback").expect_absent_or(false);
  field.at("fuse_unk").truth(false);  // without an unknown token it has no meaning
  out.ignore_merges = field.at("ignore_merges").truth(false);
  read_vocabulary(field.at("vocab"), out);
  read_merges(field.at("merges"), out);
}

void read_added(Field const& field, TokenizerJson& out) {
  if (field.is_null()) return;
  if (field.size() > most_entries) field.refuse("holds more than 2000000 entries");
  std::unordered_map<TokenId, std::string_view> holder;
  for (auto const& [token, id] : out.vocabulary) holder.emplace(id, token);
  std::unordered_set<std::string> contents;
  std::int64_t next = static_cast<std::int64_t>(out.vocabulary.size());
  for (std::size_t i = 0; i < field.size(); ++i) {
    auto const entry = field.at(i);
    for (auto const* flag : {"lstrip", "rstrip", "single_word"}) entry.at(flag).expect_absent_or(false);
    AddedToken token{0, entry.at("content").text(), entry.at("special").truth(false),
                     entry.at("normalized").truth(false)};
    if (token.content.empty() || token.content.size() > most_token_bytes)
      entry.at("content").refuse("has not 1 to 4096 bytes");
    if (!contents.insert(token.content).second) entry.at("content").refuse("repeats \"" + token.content + "\"");
    auto const known = out.vocabulary.find(token.content);
    auto const id = entry.at("id").number(), given = known == out.vocabulary.end() ? next : known->second;
    if (id != given)
      entry.at("id").refuse("is " + std::to_string(id) + ", but tokenizers gives this entry the id " +
                            std::to_string(given));
    token.id = static_cast<TokenId>(id);
    if (auto const [held, fresh] = holder.emplace(token.id, token.content); !fresh && held->second != token.content)
      entry.at("id").refuse("is the id of \"" + std::string(held->second) + "\"");
    next = std::max(next, id + 1);
    out.added.push_back(std::move(token));
  }
}

// No special token may be what ordinary text merges to: Specials::as_text promises it.
void expect_unreachable(Field const& field, TokenizerJson const& in) {
  std::unordered_map<TokenId, std::string_view> special;
  for (auto const& token : in.added)
    if (token.special) special.emplace(token.id, token.content);
  auto const refuse = [&](TokenId id) {
    field.refuse("holds the special token \"" + std::string(special.at(id)) + "\", which plain text can yield");
  };
  for (auto const& merge : in.merges)
    if (special.contains(merge.joined)) refuse(merge.joined);
  for (auto const& [token, id] : in.vocabulary)
    if (special.contains(id)) {
      auto const bytes = from_byte_alphabet(token);
      if (bytes && bytes->size() == 1) refuse(id);
    }
}

std::vector<TokenId> read_opening(Field const& field, TokenizerJson const& in) {
  if (field.is_null() || field.at("type").text() == "ByteLevel") return {};
  std::vector<TokenId> opening;
  if (field.at("type").text() == "Sequence") {
    auto const parts = field.at("processors");
    for (std::size_t i = 0; i < parts.size(); ++i)
      for (TokenId id : read_opening(parts.at(i), in)) opening.push_back(id);
    return opening;
  }
  auto const single = field.only("TemplateProcessing").at("single");
  for (std::size_t i = 0; i < single.size() && single.at(i).at("Sequence").is_null(); ++i) {
    auto const name = single.at(i).at("SpecialToken").at("id");
    auto const found =
        std::find_if(in.added.begin(), in.added.end(), [&](auto const& t) { return t.content == name.text(); });
    if (found == in.added.end()) name.refuse("is not an added token");
    opening.push_back(found->id);
  }
  return opening;
}

// bos_token and eos_token: a text, or an object with its content.
std::optional<TokenId> read_role(Field const& field, TokenizerJson const& in) {
  if (field.is_null()) return std::nullopt;
  auto const content = field.json().is_object() ? field.at("content") : field;
  for (auto const& token : in.added)
    if (token.content == content.text()) return token.id;
  auto const found = in.vocabulary.find(content.text());
  if (found == in.vocabulary.end()) content.refuse("is \"" + content.text() + "\", which tokenizer.json lacks");
  return found->second;
}

}  // namespace

TokenizerJson read_tokenizer_json(std::filesystem::path const& folder) {
  auto const file = folder / "tokenizer.json";
  if (!std::filesystem::exists(file))
    throw Invalid(Exit::data, file.string(), "no such file", "name a folder with a Hugging Face tokenizer.json");
  Json const document = read_json(file);
  Field const root(document, file.string(), "");
  if (!document.is_object()) throw Broken(file.string(), "is not a JSON object");
  TokenizerJson out;
  out.nfc = read_normalizer(root.at("normalizer"));
  out.cut = read_pre_tokenizer(root.at("pre_tokenizer"));
  root.at("decoder").only("ByteLevel");
  read_model(root.at("model"), out);
  read_added(root.at("added_tokens"), out);
  expect_unreachable(root.at("model"), out);
  out.opening = read_opening(root.at("post_processor"), out);
  auto const config = folder / "tokenizer_config.json";
  if (std::filesystem::exists(config)) {
    Json const settings = read_json(config);
    Field const field(settings, config.string(), "");
    out.bos = read_role(field.at("bos_token"), out);
    out.eos = read_role(field.at("eos_token"), out);
  }
  return out;
}

}  // namespace bsft
