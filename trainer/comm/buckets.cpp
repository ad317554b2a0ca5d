#include "trainer/comm/buckets.hpp"

#include <algorithm>

namespace bsft {

Buckets buckets_of(std::int64_t n, std::int64_t late, std::int64_t bucket_bytes, std::int64_t block) {
  auto const floats = [block](std::int64_t bytes) {
    return std::max<std::int64_t>(1, bytes / static_cast<std::int64_t>(sizeof(float)) / block) * block;
  };
  std::int64_t const most = floats(bucket_bytes), first = std::min(most, floats(std::int64_t{1} << 20));
  Buckets buckets{{}, late / block * block, block};
  for (std::int64_t end = buckets.late; end > 0;) {
    std::int64_t const size = std::min(end, buckets.list.empty() ? first : most);
    buckets.list.push_back({end - size, end});
    end -= size;
  }
  for (std::int64_t begin = buckets.late; begin < n; begin += most)
    buckets.list.push_back({begin, std::min(n, begin + most)});
  return buckets;
}

std::vector<Part> parts_of(Buckets const& buckets, int rank, int size) {
  std::vector<Part> parts;
  for (Part const& bucket : buckets.list) {
    Part const part = part_of(bucket.end - bucket.begin, rank, size, buckets.block);
    if (part.begin < part.end) parts.push_back({bucket.begin + part.begin, bucket.begin + part.end});
  }
  std::sort(parts.begin(), parts.end(), [](Part const& a, Part const& b) { return a.begin < b.begin; });
  std::vector<Part> joined;
  for (Part const& part : parts) {
    if (!joined.empty() && joined.back().end == part.begin) {
      joined.back().end = part.end;
    } else {
      joined.push_back(part);
    }
  }
  return joined;
}

}  // namespace bsft
