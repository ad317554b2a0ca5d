#include "data/base/confine.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "data/base/pinned_file.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

std::string broken(std::function<void()> const& work, ConfinedLimits limits = {}) {
  return message_of<Broken>([&] { confine("a.h5", limits, work); });
}

TEST(Confine, WorkStaysInTheChild) {
  int here = 0;
  EXPECT_NO_THROW(confine("a.h5", {}, [&] { here = 1; }));
  EXPECT_EQ(here, 0);
}

TEST(Confine, ErrorsComeBackWithTheirCode) {
  EXPECT_EQ(broken([] { throw Broken("a.h5: dataset x", "bad", "build it"); }), "a.h5: dataset x (bad) build it");
  try {
    confine("a.h5", {}, [] { throw Invalid(Exit::config, "key", "why"); });
    ADD_FAILURE();
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_STREQ(error.what(), "key (why)");
  }
}

TEST(Confine, ACrashIsALine) {
  EXPECT_NE(broken([] { ::raise(SIGSEGV); }).find("a.h5 (reading it ends in signal 11, Segmentation fault) build"),
            std::string::npos);
  EXPECT_NE(broken([] { std::abort(); }).find("signal 6"), std::string::npos);
  EXPECT_NE(broken([] { ::_exit(0); }).find("ends without a verdict"), std::string::npos);
}

TEST(Confine, LimitsHold) {
  volatile std::uint64_t spins = 0;
  EXPECT_NE(broken(
                [&] {
                  for (;;) spins = spins + 1;
                },
                {std::uint64_t{1} << 30, 1})
                .find("takes more than 1 s of CPU time"),
            std::string::npos);
  EXPECT_NE(broken([] { std::vector<char> const all(std::size_t{1} << 30, 1); }, {std::uint64_t{256} << 20, 10})
                .find("takes more than 256 MiB of memory"),
            std::string::npos);
  EXPECT_NO_THROW(
      confine("a.h5", {std::uint64_t{1} << 30, 10}, [] { std::vector<char> const some(std::size_t{64} << 20, 1); }));
}

TEST(Confine, TheChildIsSilent) {
  testing::internal::CaptureStderr();
  broken([] {
    std::fputs("free(): invalid pointer\n", stderr);
    std::fflush(stderr);
    std::abort();
  });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(PinnedFile, IsARegularFileOfThisName) {
  Scratch const scratch("pinned");
  write_atomically(scratch / "a", "one");
  std::filesystem::create_symlink(scratch / "a", scratch / "link");
  ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
  auto const says = [&](char const* name) { return message_of<Error>([&] { PinnedFile const f(scratch / name); }); };
  EXPECT_NE(says("link").find("(a symbolic link) name the file itself"), std::string::npos);
  EXPECT_NE(says("pipe").find("(not a regular file)"), std::string::npos);
  EXPECT_NE(says("").find("(not a regular file)"), std::string::npos);
  EXPECT_NE(says("none").find("no such file"), std::string::npos);
}

TEST(PinnedFile, StaysTheFileThatWasOpened) {
  Scratch const scratch("pinned");
  write_atomically(scratch / "a", "one");
  PinnedFile const file(scratch / "a");
  EXPECT_NO_THROW(file.expect_unchanged());
  std::filesystem::rename(scratch / "a", scratch / "b");
  write_atomically(scratch / "a", "other");
  EXPECT_EQ(read_file(file.path()), "one");
  append_line(scratch / "b", "more");
  EXPECT_NE(message_of<Broken>([&] { file.expect_unchanged(); }).find("changed while it was opened"),
            std::string::npos);
}

}  // namespace
}  // namespace bsft
