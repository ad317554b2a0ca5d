#include "data/base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>
#include <vector>

#include "data/base/error.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

TEST(File, WritesAtomicallyAndReadsBack) {
  Scratch const scratch("file");
  auto const file = scratch / "a";
  std::string const bytes("one\0two", 7);
  write_atomically(file, "longer than what follows");
  write_atomically(file, bytes);
  EXPECT_EQ(read_file(file), bytes);
  EXPECT_EQ(MappedFile(file).bytes(), bytes);
  std::vector<std::string_view> const parts{"ab", "", "c"};
  write_atomically(file, parts);
  EXPECT_EQ(read_file(file), "abc");
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}), 1) << "a temporary is left";
}

TEST(File, SaysWhyItCannot) {
  Scratch const scratch("file");
  EXPECT_NE(message_of<Failed>([&] { read_file(scratch / "none"); }).find("No such file"), std::string::npos);
  EXPECT_NE(message_of<Failed>([&] { write_atomically(scratch / "no/folder", "x"); }).find("cannot open"),
            std::string::npos);
  write_atomically(scratch / "big", std::string(100, 'x'));
  EXPECT_NE(message_of<Broken>([&] { read_file(scratch / "big", 99); }).find("100 bytes, at most 99"),
            std::string::npos);
  EXPECT_NE(message_of<Broken>([&] { read_file(scratch / ""); }).find("not a regular file"), std::string::npos);
  write_atomically(scratch / "empty", "");
  EXPECT_TRUE(MappedFile(scratch / "empty").bytes().empty());
}

TEST(File, AppendedLinesStayWhole) {
  Scratch const scratch("file");
  auto const file = scratch / "lines";
  std::vector<std::thread> writers;
  for (char c : {'a', 'b', 'c', 'd'})
    writers.emplace_back([&, c] {
      for (int i = 0; i < 50; ++i) append_line(file, std::string(200, c));
    });
  for (auto& writer : writers) writer.join();
  auto const text = read_file(file);
  EXPECT_EQ(text.size(), 4u * 50 * 201);
  for (std::size_t at = 0; at < text.size(); at += 201)
    EXPECT_EQ(text.substr(at, 201), std::string(200, text[at]) + "\n");
}

}  // namespace
}  // namespace bsft
