#include "trainer/loop/gradient_sum.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/loop/lane_numbers.hpp"
#include "trainer/comm/threads.hpp"

namespace bsft {
namespace {

constexpr std::int64_t n = 50'000;

at::Tensor lane(std::uint64_t number) { return testing::lane(number, n); }

// The tree's bits, whatever the ranks, the buckets and when they become ready.
TEST(GradientSum, is_the_tree_over_lanes_and_ranks) {
  constexpr std::uint64_t all_lanes = 8;
  at::Tensor const want = testing::lane_tree(0, all_lanes, n);
  for (int ranks : {1, 2, 4, 8}) {
    for (auto const& [bytes, shared] :
         {std::pair(4'000, Shared::whole), std::pair(77'777, Shared::whole), std::pair(1 << 22, Shared::whole),
          std::pair(77'777, Shared::parts), std::pair(77'777, Shared::parts_alone)}) {
      std::int64_t const block = shared == Shared::parts_alone ? 1'024 : 20;  // whole pages
      auto groups = threads_communicators(ranks, Reduction::exact, 30'000);
      std::vector<std::thread> threads;
      for (int r = 0; r < ranks; ++r) {
        threads.emplace_back([&, r, block, bytes = bytes, shared = shared] {
          auto const group = std::move(groups[static_cast<std::size_t>(r)]);
          std::uint64_t const mine = all_lanes / static_cast<std::uint64_t>(ranks);
          Pages const pages(n, at::kCPU);
          at::Tensor const& flat = pages.tensor();
          Buckets const buckets = buckets_of(n, n - 100, bytes, block);
          GradientSum sum(*group, pages, mine, buckets, shared);
          for (int round = 0; round < 2; ++round) {
            for (std::uint64_t l = 0; l + 1 < mine; ++l) {
              flat.copy_(lane(static_cast<std::uint64_t>(r) * mine + l));
              sum.add();
            }
            // The last lane's gradient comes from the end, in pieces; what is not ready yet is still wrong.
            at::Tensor const last = lane(static_cast<std::uint64_t>(r) * mine + mine - 1);
            flat.fill_(1e30F);
            std::int64_t const pieces[] = {n - 100, n - 9'000, n - 9'001, 20'000, 12'345};
            std::int64_t end = n - 100;
            for (std::int64_t const begin : pieces) {
              flat.narrow(0, begin, end - begin).copy_(last.narrow(0, begin, end - begin));
              end = begin;
              if (round == 0 || begin != 20'000) sum.ready_from(begin);
            }
            flat.narrow(0, 0, end).copy_(last.narrow(0, 0, end));
            flat.narrow(0, n - 100, 100).copy_(last.narrow(0, n - 100, 100));
            sum.finish();
            std::vector<Part> const parts =
                shared == Shared::whole ? std::vector<Part>{{0, n}} : parts_of(buckets, r, ranks);
            for (Part const& part : parts) {
              EXPECT_TRUE(at::equal(flat.slice(0, part.begin, part.end), want.slice(0, part.begin, part.end)))
                  << ranks << " ranks, buckets of " << bytes << ", round " << round;
            }
          }
          group->barrier();
        });
      }
      for (std::thread& thread : threads) thread.join();
    }
  }
}

}  // namespace
}  // namespace bsft
