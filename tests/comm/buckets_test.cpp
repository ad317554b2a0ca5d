#include "trainer/comm/buckets.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bsft {
namespace {

TEST(Buckets, cover_once_in_the_order_of_use_at_multiples_of_the_block) {
  for (std::int64_t const n : {1, 1000, 300'000, 2'000'000}) {
    for (std::int64_t const late : {std::int64_t{0}, n / 2, n - 1, n}) {
      for (std::int64_t const bytes : {4, 40'000, 1 << 22}) {
        for (std::int64_t const block : {16, 32'768}) {
          Buckets const buckets = buckets_of(n, late, bytes, block);
          EXPECT_LE(buckets.late, late);
          EXPECT_GT(buckets.late + block, late);
          std::int64_t down = buckets.late, up = buckets.late;
          for (Part const& bucket : buckets.list) {
            EXPECT_LT(bucket.begin, bucket.end);
            EXPECT_LE((bucket.end - bucket.begin) * 4, std::max<std::int64_t>(4 * block, bytes));
            EXPECT_EQ(bucket.begin % block, 0);
            if (down > 0) {
              EXPECT_EQ(bucket.end, down);
              down = bucket.begin;
            } else {
              EXPECT_EQ(bucket.begin, up);
              up = bucket.end;
            }
          }
          EXPECT_EQ(down, 0);
          EXPECT_EQ(up, n);
        }
      }
    }
  }
  Buckets const buckets = buckets_of(20'000'000, 20'000'000, 26'214'400, 32'768);
  EXPECT_EQ(buckets.list[0].end - buckets.list[0].begin, (1 << 20) / 4);
  EXPECT_EQ(buckets.list[1].end - buckets.list[1].begin, 26'214'400 / 4);
}

TEST(Buckets, parts_of_the_ranks_cover_once_and_are_even) {
  for (std::int64_t const n : {5, 40'000, 7'000'001}) {
    Buckets const buckets = buckets_of(n, n - n / 10, 1 << 20, 1024);
    for (int const size : {1, 2, 3, 4, 8}) {
      std::vector<Part> all;
      std::int64_t largest = 0;
      for (int r = 0; r < size; ++r) {
        std::int64_t mine = 0, at = -1;
        for (Part const& part : parts_of(buckets, r, size)) {
          EXPECT_GT(part.begin, at) << "ascending, with a gap";
          EXPECT_EQ(part.begin % 1024, 0);
          at = part.end;
          mine += part.end - part.begin;
          all.push_back(part);
        }
        largest = std::max(largest, mine);
      }
      std::sort(all.begin(), all.end(), [](Part const& a, Part const& b) { return a.begin < b.begin; });
      std::int64_t at = 0;
      for (Part const& part : all) {
        EXPECT_EQ(part.begin, at);
        at = part.end;
      }
      EXPECT_EQ(at, n);
      if (n > 1'000'000) EXPECT_LE(largest, n / size + 1024 * static_cast<std::int64_t>(buckets.list.size()));
    }
  }
}

}  // namespace
}  // namespace bsft
