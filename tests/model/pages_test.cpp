#include "trainer/model/pages.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

constexpr std::int64_t page = 1024;  // floats

TEST(Pages, TakeMemoryWhereTheyAreTouchedAndReadAsZerosWhereGivenBack) {
  Pages const pages(10 * page + 5, at::kCPU);
  at::Tensor const& all = pages.tensor();
  EXPECT_EQ(pages.resident_bytes(), 0);
  all.fill_(3);
  EXPECT_EQ(pages.resident_bytes(), 11 * page * 4);
  at::Tensor const view = all.narrow(0, 2 * page, page);

  pages.give_back(2 * page - 1, 5 * page + 7);  // whole pages alone: 2, 3 and 4
  EXPECT_EQ(pages.resident_bytes(), 8 * page * 4);
  EXPECT_EQ(view.abs().max().item<float>(), 0);
  EXPECT_TRUE(all.slice(0, 0, 2 * page).eq(3).all().item<bool>());
  EXPECT_TRUE(all.slice(0, 5 * page).eq(3).all().item<bool>());

  pages.alias().narrow(0, 2 * page, page).fill_(4);
  EXPECT_TRUE(view.eq(4).all().item<bool>());
  pages.give_back(10 * page, 10 * page + 5);  // the last page is short
  EXPECT_EQ(all[10 * page + 4].item<float>(), 0);
  pages.give_back(0, 10 * page + 5);
  EXPECT_EQ(pages.resident_bytes(), 0);
}

TEST(Pages, OutliveTheirOwnerInATensorAndChangeBehindAutogradsBack) {
  at::Tensor kept, alias;
  {
    Pages const pages(page, at::kCPU);
    auto const version = pages.tensor()._version();
    pages.alias().fill_(1);
    EXPECT_EQ(pages.tensor()._version(), version);
    kept = pages.tensor().narrow(0, 3, 4);
    alias = pages.alias();
  }
  EXPECT_EQ(kept.sum().item<float>(), 4);
  kept = at::Tensor();
  EXPECT_EQ(alias.sum().item<float>(), page);
}

}  // namespace
}  // namespace bsft
