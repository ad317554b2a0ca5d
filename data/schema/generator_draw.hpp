// Draw from a counter: the n-th draw of a stream is mix(seed, case, stream, n), whatever was drawn elsewhere.
//
// Integer arithmetic only, so that every machine draws the same; below(n) takes the high half of a 64-bit product,
// whose bias (n / 2^32) is far below what a sample of this size shows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/base/digest.hpp"

namespace bsft {

class Draw {
 public:
  Draw(std::uint64_t seed, std::int64_t number, std::uint64_t stream)
      : seed_(seed), number_(static_cast<std::uint64_t>(number)), stream_(stream) {}

  std::size_t below(std::size_t n) {
    auto const bits = mix(seed_, number_, stream_, counter_++) >> 32;
    return static_cast<std::size_t>((bits * n) >> 32);
  }
  bool coin() { return below(2) == 1; }

  template <class T>
  T const& pick(std::vector<T> const& from) {
    return from[below(from.size())];
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  // `count` different items in random order.
  template <class T>
  std::vector<T> sample(std::vector<T> items, std::size_t count) {
    shuffle(items);
    items.resize(count);
    return items;
  }

 private:
  std::uint64_t seed_, number_, stream_, counter_ = 0;
};

// Streams of a case.
enum Stream : std::uint64_t {
  people_stream,
  topics_stream,
  order_stream,
  neighbour_stream,
  facts_stream = 16,    // + the topic
  telling_stream = 32,  // + the topic
  asking_stream = 48,   // + the topic
  wording_stream = 64,  // + the probe's place
  twin_stream = 1024,   // + the pair
};

}  // namespace bsft
