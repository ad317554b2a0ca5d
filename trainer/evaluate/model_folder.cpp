#include "trainer/evaluate/model_folder.hpp"

#include "data/store/match.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {

ModelFolder::ModelFolder(std::filesystem::path const& folder, StoreReader const& reader,
                         std::string const& template_family, std::uint64_t seed)
    : tokenizer_(folder),
      template_(bsft::template_family(template_family, folder), tokenizer_),
      behaviors_(reader.catalog().behaviors) {
  require_match(reader.catalog(), tokenizer_, template_, static_cast<TokenId>(read_shape(folder).vocabulary));
  load(folder, seed);
}

ModelFolder::ModelFolder(std::filesystem::path const& folder, std::vector<BehaviorSpec> const& behaviors,
                         std::string const& template_family)
    : tokenizer_(folder),
      template_(bsft::template_family(template_family, folder), tokenizer_),
      behaviors_(assign_behavior_ids(behaviors, tokenizer_, static_cast<TokenId>(read_shape(folder).vocabulary))) {
  load(folder, 1);
}

std::vector<TokenId> ModelFolder::answer_ends() const {
  std::vector<TokenId> ends{template_.end()};
  if (auto const eos = tokenizer_.eos(); eos && *eos != template_.end()) ends.push_back(*eos);
  return ends;
}

void ModelFolder::load(std::filesystem::path const& folder, std::uint64_t seed) {
  std::vector<TokenId> ids;
  std::vector<std::vector<TokenId>> descriptions;
  for (BehaviorToken const& behavior : behaviors_.tokens) {
    ids.push_back(behavior.id);
    descriptions.push_back(tokenizer_.encode(behavior.description, Specials::as_text));
  }
  decoder_ = std::make_unique<Decoder>(read_shape(folder), ids, "all");
  load_weights(*decoder_, folder);
  learned_ = carries_behaviors(tokenizer_, behaviors_);
  if (!learned_ && !ids.empty()) initialise_behavior_rows(*decoder_, "description", descriptions, seed);
}

}  // namespace bsft
