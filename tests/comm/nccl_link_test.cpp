// What trainer/comm/nccl_link.cpp makes of NCCL's errors, over tests/comm/nccl_stand_in.cpp.
#include "trainer/comm/nccl_link.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "tests/comm/nccl_stand_in.hpp"
#include "trainer/comm/collectives.hpp"

namespace bsft {
namespace {

std::string words_of(std::function<void()> const& call) {
  try {
    call();
  } catch (Failed const& error) {
    EXPECT_EQ(error.code(), Exit::peer_lost);
    return error.what();
  }
  return "no error";
}

TEST(NcclLink, an_error_in_the_background_is_told_at_the_next_verb_and_stays) {
  auto const group = collectives(nccl_link(stand_in::id(-1), 0, 1, nullptr), Reduction::fast, Progress::in_the_caller);
  auto const link = nccl_link(stand_in::id(-2), 0, 2, nullptr);
  stand_in::background = ncclRemoteError;
  at::Tensor const x = at::ones({4});
  std::vector<Message> const out{{1, x}};
  std::string const words = words_of([&] { link->move(out, {}); });
  EXPECT_NE(words.find("remote process exited"), std::string::npos) << words;
  EXPECT_NE(words.find("in the background"), std::string::npos) << words;
  EXPECT_NE(words_of([&] { link->sum(x); }).find("remote process exited"), std::string::npos);
  stand_in::background = ncclSuccess;
}

TEST(NcclLink, a_call_that_fails_leaves_no_group_open) {
  auto const link = nccl_link(stand_in::id(-3), 0, 2, nullptr);
  std::vector<Message> const to_itself{{0, at::ones({4})}};  // which the stand-in refuses, as an invalid argument
  EXPECT_NE(words_of([&] { link->move(to_itself, {}); }).find("ncclSend"), std::string::npos);
  EXPECT_NE(words_of([&] { link->move({}, to_itself); }).find("ncclRecv"), std::string::npos);
  EXPECT_EQ(stand_in::open_groups, 0);
}

TEST(NcclLink, a_group_is_aborted_in_the_end) {
  int const before = stand_in::alive;
  {
    auto const link = nccl_link(stand_in::id(-4), 0, 1, nullptr);
    auto const part = link->split(0);
    EXPECT_EQ(link->split(-1), nullptr);
    EXPECT_EQ(stand_in::alive, before + 2);
  }
  EXPECT_EQ(stand_in::alive, before);
}

}  // namespace
}  // namespace bsft
