// A program that links libtorch must still get the system's std::filesystem (CMakeLists.txt says why).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "trainer/evaluate/evaluation.hpp"

namespace {

namespace fs = std::filesystem;

TEST(Filesystem, OfTheSystemNotOfLibtorch) {
  EXPECT_NE(&bsft::model_digest, nullptr);  // libtorch is linked
  char name[] = "/tmp/bsft-filesystem-XXXXXX";
  fs::path const folder = ::mkdtemp(name);
  fs::create_directories(folder / "a" / "b");
  std::ofstream(folder / "a" / "file") << "x";
  EXPECT_EQ(fs::remove_all(folder), 4U);  // null pointer in libtorch's
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace
