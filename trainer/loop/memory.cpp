#include "trainer/loop/memory.hpp"

#include <algorithm>
#include <set>

#include "trainer/loop/weight_gather.hpp"

namespace bsft {
namespace {

constexpr std::int64_t real = sizeof(float);

// Of the buckets that these units need.
std::int64_t bucket_floats(Decoder const& decoder, Buckets const& buckets, std::set<std::int64_t> const& units) {
  std::set<std::size_t> needed;
  for (std::int64_t const unit : units) {
    for (std::size_t const b : buckets_needed(decoder, buckets, unit)) needed.insert(b);
  }
  std::int64_t floats = 0;
  for (std::size_t const b : needed) floats += buckets.list[b].end - buckets.list[b].begin;
  return floats;
}

}  // namespace

ModelMemory model_memory(Decoder const& decoder, Buckets const& buckets, int rank, int size, std::int64_t lanes,
                         Sharded sharded) {
  std::int64_t const all = decoder.flat().numel();
  std::int64_t share = 0, levels = 0, frozen = 0, largest_bucket = 0;
  for (Part const& part : parts_of(buckets, rank, size)) share += part.end - part.begin;
  while ((std::int64_t{1} << levels) < lanes) ++levels;
  for (Parameter const& p : decoder.parameters()) frozen += p.trainable ? 0 : p.value.numel();
  for (Part const& bucket : buckets.list) largest_bucket = std::max(largest_bucket, bucket.end - bucket.begin);
  auto const held = [&](Sharded what) { return real * (sharded >= what ? share : all); };

  ModelMemory memory;
  memory.weights = held(Sharded::weights);
  memory.gradient = held(Sharded::gradients);
  memory.moments = 2 * held(Sharded::moments);
  memory.partial = real * levels * all;
  memory.frozen = real * frozen;
  if (size == 1) return memory;
  if (sharded >= Sharded::moments) memory.passing += real * largest_bucket;  // what arrives from the others
  if (sharded >= Sharded::gradients) {
    std::int64_t whole = 0, unit = 0;  // a table's gradient grows from the first to the last
    for (Stretch const& stretch : decoder.stretches(0)) whole += stretch.end - stretch.begin;
    for (std::int64_t u = 1; u + 1 < decoder.units(); ++u) unit = std::max(unit, bucket_floats(decoder, buckets, {u}));
    std::int64_t const travels = whole + unit + static_cast<std::int64_t>(under_way) * largest_bucket;
    memory.passing += real * std::min(all - share, travels);
    memory.accumulating = real * std::max<std::int64_t>(0, all - share - travels);
  }
  if (sharded >= Sharded::weights) {
    std::int64_t most = 0;
    for (std::int64_t u = 0; u + 1 < decoder.units(); ++u)
      most = std::max(most, bucket_floats(decoder, buckets, {u, u + 1}));
    memory.passing += real * std::min(all - share, most);
  }
  return memory;
}

}  // namespace bsft
