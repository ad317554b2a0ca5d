#include "trainer/loop/state_check.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/base/digest.hpp"
#include "trainer/comm/agreement.hpp"

namespace bsft {
namespace {

constexpr std::int64_t block = std::int64_t{1} << 16;  // floats

struct Held {
  std::string name;  // of what: "weights"; a frozen parameter's
  at::Tensor values;
  std::int64_t offset = -1;  // into the flat buffer; -1: not of it
  bool in_full = true;
};

std::vector<Held> held_by(Trainers const& trainers, Decoder const& decoder, Optimizer const& optimizer,
                          Buckets const& buckets, Sharded sharded) {
  std::vector<Held> held;
  Moments const& moments = optimizer.moments();
  if (sharded < Sharded::weights) held.push_back({"weights", decoder.flat(), 0});
  if (optimizer.holds_all()) {
    held.push_back({"moment1", moments.first, 0});
    held.push_back({"moment2", moments.second, 0});
  }
  for (Parameter const& p : decoder.parameters()) {
    if (p.offset < 0) held.push_back({p.name, p.value});
  }
  std::int64_t place = 0;
  for (Part const& part : parts_of(buckets, trainers.host.rank(), trainers.host.size())) {
    std::int64_t const n = part.end - part.begin;
    if (sharded == Sharded::weights)
      held.push_back({"weights", decoder.flat().narrow(0, part.begin, n), part.begin, false});
    if (!optimizer.holds_all()) {
      held.push_back({"moment1", moments.first.narrow(0, place, n), part.begin, false});
      held.push_back({"moment2", moments.second.narrow(0, place, n), part.begin, false});
    }
    place += n;
  }
  return held;
}

// The first of n floats that is not finite, or n.
std::int64_t first_bad(float const* values, std::int64_t n) {
  constexpr std::uint32_t exponent = 0x7f800000;
  auto const bad = [values](std::int64_t i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof bits);
    return (bits & exponent) == exponent;
  };
  unsigned any = 0;
  for (std::int64_t i = 0; i < n; ++i) any |= bad(i) ? 1U : 0U;
  if (any == 0) return n;
  std::int64_t i = 0;
  while (!bad(i)) ++i;
  return i;
}

// "model.norm.weight", or the first and the last parameter of a stretch of the flat buffer.
std::string parameters_at(Decoder const& decoder, std::int64_t begin, std::int64_t end) {
  std::string first, last;
  for (Parameter const& p : decoder.parameters()) {
    if (p.offset < 0 || p.offset >= end || p.offset + p.value.numel() <= begin) continue;
    if (first.empty()) first = p.name;
    last = p.name;
  }
  return first == last ? first : first + " to " + last;
}

std::string name_of(Held const& held, Decoder const& decoder, std::int64_t begin, std::int64_t end) {
  if (held.offset < 0) return held.name;
  return held.name + " of " + parameters_at(decoder, held.offset + begin, held.offset + end);
}

struct Look {
  std::vector<std::uint64_t> hashes;  // of the blocks of what is held in full
  std::string bad;                    // the first that is not finite; empty: all are
};

Look look_at(std::vector<Held> const& held, Decoder const& decoder) {
  Look found;
  for (Held const& one : held) {
    at::Tensor const flat = one.values.detach().reshape({-1});
    for (std::int64_t begin = 0; begin < flat.numel(); begin += block) {
      std::int64_t const n = std::min(block, flat.numel() - begin);
      at::Tensor const host = flat.narrow(0, begin, n).to(at::kCPU).contiguous();
      float const* const values = host.const_data_ptr<float>();
      if (one.in_full) found.hashes.push_back(xxh64({static_cast<char const*>(host.const_data_ptr()), host.nbytes()}));
      if (!found.bad.empty()) continue;
      std::int64_t const bad = first_bad(values, n);
      if (bad < n) found.bad = name_of(one, decoder, begin + bad, begin + bad + 1);
    }
  }
  return found;
}

std::string bytes_of(std::vector<std::uint64_t> const& hashes) {
  return {reinterpret_cast<char const*>(hashes.data()), hashes.size() * sizeof(std::uint64_t)};
}

// What the block'th of all blocks lies in.
std::string place_of(std::size_t number, std::vector<Held> const& held, Decoder const& decoder) {
  for (Held const& one : held) {
    if (!one.in_full) continue;
    auto const blocks = static_cast<std::size_t>((one.values.numel() + block - 1) / block);
    if (number < blocks) {
      auto const begin = static_cast<std::int64_t>(number) * block;
      return name_of(one, decoder, begin, std::min(begin + block, one.values.numel()));
    }
    number -= blocks;
  }
  return "a block that only some hold";
}

// The ranks whose hash of this block is another than most ranks'; all of them where no hash is most ranks'.
std::vector<std::size_t> odd_ones(std::vector<std::string> const& hashes, std::size_t number) {
  auto const of = [&](std::size_t rank) {
    return std::string_view(hashes[rank]).substr(number * sizeof(std::uint64_t), sizeof(std::uint64_t));
  };
  std::map<std::string_view, std::size_t> votes;
  for (std::size_t rank = 0; rank < hashes.size(); ++rank) ++votes[of(rank)];
  std::vector<std::size_t> odd;
  for (std::size_t rank = 0; rank < hashes.size(); ++rank) {
    if (2 * votes[of(rank)] <= hashes.size()) odd.push_back(rank);
  }
  return odd;
}

[[noreturn]] void tell_the_odd(std::vector<std::string> const& hashes, std::vector<std::string> const& names,
                               std::vector<Held> const& held, Decoder const& decoder, std::int64_t step) {
  std::size_t number = 0;
  std::vector<bool> is_odd(hashes.size(), false);
  std::string place;
  bool decided = true;
  for (; (number + 1) * sizeof(std::uint64_t) <= hashes.front().size(); ++number) {
    std::vector<std::size_t> const odd = odd_ones(hashes, number);
    for (std::size_t const rank : odd) is_odd[rank] = true;
    if (odd.empty()) continue;
    if (odd.size() == hashes.size()) decided = false;
    if (place.empty()) place = place_of(number, held, decoder);
  }
  std::string list;
  for (std::size_t rank = 0; rank < names.size(); ++rank) {
    if (is_odd[rank]) list += (list.empty() ? "" : decided ? " and " : " or ") + names[rank];
  }
  throw Told(Exit::peer_lost,
             {one_line(list + (decided ? " has other bits than most ranks in " : " is damaged in ") + place +
                           " after step " + std::to_string(step),
                       decided ? "its memory has changed; nothing of it was saved"
                               : "they differ, and nobody can say which; nothing of it was saved",
                       "start again with --resume auto, and have that memory checked if it happens twice")});
}

}  // namespace

void check_state(Trainers const& trainers, Decoder const& decoder, Optimizer const& optimizer, Buckets const& buckets,
                 Sharded sharded, std::int64_t step) {
  Communicator& group = trainers.host;
  std::vector<Held> const held = held_by(trainers, decoder, optimizer, buckets, sharded);
  Look const found = look_at(held, decoder);
  std::string const name = trainers.name();
  std::string const mine = bytes_of(found.hashes);
  std::string const own = std::to_string(xxh64(mine));
  std::vector<std::string> const words = group.exchange(own + "\n" + found.bad);
  auto const hash_of = [](std::string const& text) { return text.substr(0, text.find('\n')); };
  bool const alike =
      std::all_of(words.begin(), words.end(), [&](auto const& theirs) { return hash_of(theirs) == own; });
  if (!alike) tell_the_odd(group.exchange(mine), group.exchange(name), held, decoder, step);
  auto const bad = std::find_if(words.begin(), words.end(), [](auto const& theirs) { return theirs.back() != '\n'; });
  if (bad == words.end()) return;
  std::vector<std::string> const names = group.exchange(name);
  throw Told(Exit::non_finite,
             {one_line(bad->substr(bad->find('\n') + 1) + " is not finite after step " + std::to_string(step),
                       "on " + names[static_cast<std::size_t>(bad - words.begin())] + "; it was not saved",
                       "lower optimizer.learning_rate and start again with --resume auto --allow-change "
                       "optimizer.learning_rate")});
}

}  // namespace bsft
