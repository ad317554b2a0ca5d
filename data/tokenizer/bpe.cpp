#include "data/tokenizer/bpe.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <queue>
#include <tuple>

namespace bsft {
namespace {

constexpr std::size_t short_word = 48;  // below, scanning all pairs beats a heap
constexpr std::int32_t no_rank = std::numeric_limits<std::int32_t>::max();

std::uint64_t pair_of(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t scatter(std::uint64_t key) { return key * 0x9E3779B97F4A7C15ULL; }

// The words that a thread met last, direct-mapped.
struct CachedWord {
  static constexpr std::size_t most_bytes = 31, most_ids = 12;
  std::uint64_t owner = 0;
  std::uint8_t bytes = 0, ids = 0;
  std::array<char, most_bytes> word;
  std::array<TokenId, most_ids> tokens;
};

class WordCache {
 public:
  CachedWord& at(std::uint64_t owner, std::string_view word) {
    return words_[scatter(std::hash<std::string_view>{}(word) + owner) >> (64 - bits)];
  }

 private:
  static constexpr int bits = 13;
  std::unique_ptr<CachedWord[]> words_ = std::make_unique<CachedWord[]>(std::size_t{1} << bits);
};

WordCache& words_of_this_thread() {
  thread_local WordCache cache;
  return cache;
}

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> serial{0};
  return ++serial;
}

}  // namespace

Bpe::Bpe(std::array<TokenId, 256> const& byte_ids, std::vector<Merge> const& merges,
         std::unordered_map<std::string, TokenId> whole_words)
    : byte_ids_(byte_ids), whole_words_(std::move(whole_words)), serial_(next_serial()) {
  int bits = 4;
  while ((std::size_t{1} << bits) < merges.size() * 2) ++bits;
  slots_.resize(std::size_t{1} << bits);
  shift_ = 64 - bits;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    auto const& m = merges[rank];
    auto const pair = pair_of(m.left, m.right);
    auto at = scatter(pair) >> shift_;
    while (slots_[at].pair != ~std::uint64_t{0}) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {pair, static_cast<std::int32_t>(rank), m.joined};
  }
}

Bpe::Slot const* Bpe::find(TokenId left, TokenId right) const {
  auto const pair = pair_of(left, right);
  for (auto at = scatter(pair) >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].pair == pair) return &slots_[at];
    if (slots_[at].pair == ~std::uint64_t{0}) return nullptr;
  }
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& out) const {
  bool const small = word.size() <= CachedWord::most_bytes;
  CachedWord* const cached = small ? &words_of_this_thread().at(serial_, word) : nullptr;
  if (cached && cached->owner == serial_ && std::string_view(cached->word.data(), cached->bytes) == word) {
    out.insert(out.end(), cached->tokens.begin(), cached->tokens.begin() + cached->ids);
    return;
  }
  thread_local std::vector<TokenId> ids;
  ids.clear();
  auto const whole = whole_words_.empty() ? whole_words_.end() : whole_words_.find(std::string(word));
  if (whole != whole_words_.end()) {
    ids.push_back(whole->second);
  } else {
    for (char c : word)
      if (TokenId const id = byte_ids_[static_cast<unsigned char>(c)]; id >= 0) ids.push_back(id);
    ids.size() <= short_word ? merge_short(ids) : merge_long(ids);
  }
  out.insert(out.end(), ids.begin(), ids.end());
  if (cached && ids.size() <= CachedWord::most_ids) {
    cached->owner = serial_;
    cached->bytes = static_cast<std::uint8_t>(word.size());
    cached->ids = static_cast<std::uint8_t>(ids.size());
    std::copy(word.begin(), word.end(), cached->word.begin());
    std::copy(ids.begin(), ids.end(), cached->tokens.begin());
  }
}

void Bpe::merge_short(std::vector<TokenId>& ids) const {
  std::array<Slot const*, short_word> pairs{};  // pairs[i] joins ids[i] and ids[i + 1]
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) pairs[i] = find(ids[i], ids[i + 1]);
  while (ids.size() > 1) {
    std::size_t best = 0;
    std::int32_t rank = no_rank;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i)
      if (pairs[i] && pairs[i]->rank < rank) rank = pairs[i]->rank, best = i;
    if (rank == no_rank) return;
    ids[best] = pairs[best]->joined;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(pairs.begin() + static_cast<std::ptrdiff_t>(best) + 1,
              pairs.begin() + static_cast<std::ptrdiff_t>(ids.size()),
              pairs.begin() + static_cast<std::ptrdiff_t>(best));
    if (best + 1 < ids.size()) pairs[best] = find(ids[best], ids[best + 1]);
    if (best > 0) pairs[best - 1] = find(ids[best - 1], ids[best]);
  }
}

void Bpe::merge_long(std::vector<TokenId>& ids) const {
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  struct Candidate {
    std::int32_t rank;
    std::size_t at;
    TokenId left, right, joined;
    bool operator>(Candidate const& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  std::vector<std::size_t> next(ids.size()), before(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    next[i] = i + 1 < ids.size() ? i + 1 : none;
    before[i] = i > 0 ? i - 1 : none;
  }
  auto const offer = [&](std::size_t at) {
    if (auto const* slot = find(ids[at], ids[next[at]]))
      queue.push({slot->rank, at, ids[at], ids[next[at]], slot->joined});
  };
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) offer(i);
  while (!queue.empty()) {
    Candidate const top = queue.top();
    queue.pop();
    std::size_t const right = next[top.at];
    if (ids[top.at] != top.left || right == none || ids[right] != top.right) continue;  // merged meanwhile
    ids[top.at] = top.joined;
    ids[right] = -1;
    next[top.at] = next[right];
    if (next[top.at] != none) {
      before[next[top.at]] = top.at;
      offer(top.at);
    }
    if (before[top.at] != none) offer(before[top.at]);
  }
  std::erase(ids, -1);
}

}  // namespace bsft
