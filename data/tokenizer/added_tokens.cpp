#include "data/tokenizer/added_tokens.hpp"

namespace bsft {
namespace {

std::uint64_t edge(std::int32_t node, char byte) {
  return static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(byte);
}

}  // namespace

AddedTokens::AddedTokens() { first_.fill(-1); }

void AddedTokens::add(AddedToken const& token) {
  auto const fresh = [this] {
    token_at_.push_back(-1);
    return static_cast<std::int32_t>(token_at_.size() - 1);
  };
  std::int32_t& root = first_[static_cast<unsigned char>(token.content.at(0))];
  if (root < 0) root = fresh();
  std::int32_t node = root;
  for (std::size_t i = 1; i < token.content.size(); ++i) {
    auto const [found, added] = edges_.try_emplace(edge(node, token.content[i]), 0);
    if (added) found->second = fresh();
    node = found->second;
  }
  token_at_[static_cast<std::size_t>(node)] = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(token);
}

AddedToken const* AddedTokens::longest_at(std::string_view text, std::size_t at) const {
  AddedToken const* longest = nullptr;
  std::int32_t node = first_[static_cast<unsigned char>(text[at])];
  while (node >= 0) {
    if (auto const token = token_at_[static_cast<std::size_t>(node)]; token >= 0)
      longest = &tokens_[static_cast<std::size_t>(token)];
    if (++at >= text.size()) break;
    auto const next = edges_.find(edge(node, text[at]));
    node = next == edges_.end() ? -1 : next->second;
  }
  return longest;
}

}  // namespace bsft
