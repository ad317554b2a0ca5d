#include <algorithm>
#include <map>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/json.hpp"
#include "trainer/model/export.hpp"

namespace bsft {
namespace {

using Renames = std::map<std::string, std::string>;  // a reserved token's content -> the behaviour token's

OrderedJson special_token(std::string const& content) {
  return {{"content", content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},    {"normalized", false},  {"special", true}};
}

// tokenizer.json: the vocabulary of the model and the added tokens above it.
class TokenizerFile {
 public:
  explicit TokenizerFile(std::filesystem::path const& file)
      : where_(file.string()), json_(parse_ordered_json(read_file(file), where_)) {
    if (!json_.is_object() || !json_.contains("model") || !json_["model"].contains("vocab") ||
        !json_["model"]["vocab"].is_object())
      throw Broken(where_, "it has no model.vocab");
    if (!json_["added_tokens"].is_array()) json_["added_tokens"] = OrderedJson::array();
    for (auto const& [content, id] : json_["model"]["vocab"].items()) know(id, content);
    for (OrderedJson const& token : json_["added_tokens"]) know(token.at("id"), token.at("content").get<std::string>());
  }

  void place(BehaviorToken const& token) {
    auto const taken = contents_.find(token.id);
    for (auto const& [id, content] : contents_)
      if (content == token.token && id != token.id)
        throw Invalid(Exit::data, where_ + ": " + token.token,
                      "it has id " + std::to_string(id) + ", not " + std::to_string(token.id));
    if (taken != contents_.end() && taken->second != token.token) rename(taken->second, token);
    auto& added = json_["added_tokens"];
    auto entry = std::find_if(added.begin(), added.end(), [&](auto const& one) { return one["id"] == token.id; });
    if (entry == added.end()) {
      // A reader numbers added tokens on from the last id; one after a gap must stand in the vocabulary.
      if (!contents_.empty() && token.id > contents_.rbegin()->first + 1)
        json_["model"]["vocab"][token.token] = token.id;
      OrderedJson fresh = {{"id", token.id}};
      fresh.update(special_token(token.token));
      auto const above =
          std::find_if(added.begin(), added.end(), [&](auto const& one) { return one["id"] > token.id; });
      added.insert(above, std::move(fresh));
    } else {
      (*entry)["content"] = token.token;
      (*entry)["special"] = true;
      (*entry)["normalized"] = false;
    }
    contents_[token.id] = token.token;
  }

  Renames const& renames() const { return renames_; }
  std::string dump() const { return json_.dump(2) + "\n"; }

 private:
  void know(OrderedJson const& id, std::string const& content) {
    if (!id.is_number_integer()) throw Broken(where_ + ": " + content, "its id is no whole number");
    contents_[id.get<TokenId>()] = content;
  }

  void rename(std::string const& old, BehaviorToken const& token) {
    renames_[old] = token.token;
    auto& vocabulary = json_["model"]["vocab"];
    if (!vocabulary.contains(old)) return;
    vocabulary.erase(old);
    vocabulary[token.token] = token.id;
  }

  std::string where_;
  OrderedJson json_;
  std::map<TokenId, std::string> contents_;
  Renames renames_;
};

void rename_in(OrderedJson& value, Renames const& renames) {
  if (value.is_structured())
    for (auto& inner : value) rename_in(inner, renames);
  else if (value.is_string())
    if (auto const found = renames.find(value.get<std::string>()); found != renames.end()) value = found->second;
}

void add_to_settings(OrderedJson& settings, BehaviorMap const& behaviors, Renames const& renames) {
  // The template is a program, not a list of tokens.
  for (auto& [key, value] : settings.items())
    if (key != "chat_template") rename_in(value, renames);
  for (BehaviorToken const& token : behaviors.tokens) {
    if (settings.contains("added_tokens_decoder"))
      settings["added_tokens_decoder"][std::to_string(token.id)] = special_token(token.token);
    for (char const* const list : {"additional_special_tokens", "extra_special_tokens"}) {
      if (!settings.contains(list) || !settings[list].is_array()) continue;
      auto& names = settings[list];
      bool const there = std::any_of(names.begin(), names.end(), [&](auto const& name) {
        return name == token.token || (name.is_object() && name.value("content", "") == token.token);
      });
      if (!there) names.push_back(token.token);
    }
  }
}

}  // namespace

ExportedFiles exported_tokenizer(BehaviorMap const& behaviors, std::filesystem::path const& source) {
  ExportedFiles files;
  TokenizerFile tokenizer(source / "tokenizer.json");
  std::vector<BehaviorToken> tokens = behaviors.tokens;
  std::sort(tokens.begin(), tokens.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
  for (BehaviorToken const& token : tokens) tokenizer.place(token);
  files["tokenizer.json"] = tokenizer.dump();
  for (char const* const name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!std::filesystem::exists(source / name)) continue;
    OrderedJson settings = parse_ordered_json(read_file(source / name), (source / name).string());
    add_to_settings(settings, behaviors, tokenizer.renames());
    files[name] = settings.dump(2) + "\n";
  }
  for (char const* const name : {"chat_template.jinja", "generation_config.json"})
    if (std::filesystem::exists(source / name)) files[name] = read_file(source / name);
  return files;
}

}  // namespace bsft
