#include "data/base/safetensors.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "data/base/error.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

std::string file_of(std::string const& header, std::string const& data) {
  std::uint64_t const size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

std::string entry(std::string const& dtype, std::string const& shape, std::string const& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST(Safetensors, WritesAndReadsBack) {
  Scratch const scratch("safetensors");
  std::vector<float> const a{1, 2, 3, 4, 5, 6};
  std::string const bytes(reinterpret_cast<char const*>(a.data()), 24);
  std::vector<TensorView> const tensors{
      {"b.weight", "F32", {2, 3}, bytes}, {"a", "BF16", {}, "xy"}, {"none", "F16", {0, 7}, ""}};
  write_safetensors(scratch / "model.safetensors", tensors, {{"format", "pt"}});
  SafetensorsFile const file(scratch / "model.safetensors");
  ASSERT_EQ(file.tensors().size(), 3u);
  for (auto const& tensor : tensors) {
    auto const* found = file.find(tensor.name);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->dtype, tensor.dtype);
    EXPECT_EQ(found->shape, tensor.shape);
    EXPECT_EQ(found->bytes, tensor.bytes);
  }
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

TEST(Safetensors, ReadsShardsByTheIndex) {
  Scratch const scratch("safetensors");
  write_safetensors(scratch / "one.safetensors", std::vector<TensorView>{{"a", "U8", {1}, "1"}}, {});
  write_safetensors(scratch / "two.safetensors", std::vector<TensorView>{{"b", "U8", {1}, "2"}}, {});
  auto const index = scratch / "model.safetensors.index.json";
  write_atomically(index, R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  SafetensorsFolder const folder(scratch / "");
  EXPECT_EQ(folder.find("a")->bytes, "1");
  EXPECT_EQ(folder.find("b")->bytes, "2");
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a", "b"}));

  auto const refusal = [&](std::string const& text) {
    write_atomically(index, text);
    return message_of<Error>([&] { SafetensorsFolder const again(scratch / ""); });
  };
  EXPECT_NE(refusal(R"({"weight_map":{"a":"../one.safetensors"}})").find("not a plain file name"), std::string::npos);
  EXPECT_NE(refusal(R"({"weight_map":{"a":".one"}})").find("not a plain file name"), std::string::npos);
  EXPECT_NE(refusal(R"({"weight_map":{"a":7}})").find("not a plain file name"), std::string::npos);
  EXPECT_NE(refusal(R"({"weight_map":{"c":"one.safetensors"}})").find("\"c\" of the index is not there"),
            std::string::npos);
  EXPECT_NE(refusal(R"({})").find("weight_map"), std::string::npos);
  write_safetensors(scratch / "two.safetensors", std::vector<TensorView>{{"a", "U8", {1}, "2"}}, {});
  EXPECT_NE(refusal(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})").find("in another shard as well"),
            std::string::npos);
}

TEST(Safetensors, NamesAFolderWithoutWeights) {
  Scratch const scratch("safetensors");
  EXPECT_NE(message_of<Invalid>([&] { SafetensorsFolder const folder(scratch / ""); }).find("no weights in"),
            std::string::npos);
}

struct Case {
  std::string bytes, says;
};

class SafetensorsRefuses : public testing::TestWithParam<Case> {};

TEST_P(SafetensorsRefuses, BeforeItAllocates) {
  Scratch const scratch("safetensors");
  write_atomically(scratch / "x.safetensors", GetParam().bytes);
  auto const message = message_of<Broken>([&] { SafetensorsFile const file(scratch / "x.safetensors"); });
  EXPECT_NE(message.find("x.safetensors"), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().says), std::string::npos) << message;
}

std::string one(std::string const& tensor, std::string const& data) { return file_of("{\"a\":" + tensor + "}", data); }

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsRefuses,
    testing::Values(
        Case{"", "too short"}, Case{"12345678", "too short"},
        Case{std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "at most 16 MiB"},
        Case{std::string("\x10\0\0\0\0\0\0\0{}", 10), "header ends after the file"},
        Case{file_of(" {}", ""), "does not start with {"}, Case{file_of("[]", ""), "does not start with {"},
        Case{file_of("{\"a\":}", ""), "not JSON"}, Case{file_of("{}", "x"), "1 bytes after the last tensor"},
        Case{one(entry("F31", "[1]", "[0,4]"), "abcd"), "\"dtype\""},
        Case{one(entry("F32", "[-1]", "[0,4]"), "abcd"), "\"shape\""},
        Case{one(entry("F32", "[1.0]", "[0,4]"), "abcd"), "\"shape\""},
        Case{one(entry("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), "abcd"), "\"shape\""},
        Case{one(entry("F32", "[2]", "[0,4]"), "abcd"), "do not fit"},
        Case{one(entry("F32", "[1]", "[4,0]"), "abcd"), "do not fit"},
        Case{one(entry("F32", "[1]", "[4,8]"), "abcdabcd"), "hole or overlap"},
        Case{one(entry("F32", "[1]", "[0,4]"), "abc"), "ends after the file"},
        Case{one(entry("F32", "[4294967296,4294967296]", "[0,0]"), ""), "64 bits"},
        Case{one(entry("F32", "[1]", "[0]"), "abcd"), "\"data_offsets\""},
        Case{one(R"({"dtype":"F32","shape":[1]})", "abcd"), "needs dtype, shape and data_offsets"},
        Case{one(R"({"dtype":"F32","shape":[1],"offsets":[0,4]})", "abcd"), "\"data_offsets\" is missing"},
        Case{file_of("{\"a\":" + entry("U8", "[1]", "[0,1]") + ",\"a\":" + entry("U8", "[1]", "[1,2]") + "}", "xy"),
             "duplicate"},
        Case{file_of("{\"a\":" + entry("U8", "[2]", "[0,2]") + ",\"b\":" + entry("U8", "[2]", "[1,3]") + "}", "xyz"),
             "hole or overlap"},
        Case{file_of("{\"" + std::string(513, 'n') + "\":" + entry("U8", "[1]", "[0,1]") + "}", "x"),
             "513 bytes, at most 512"},
        Case{file_of(R"({"__metadata__":{"a":1}})", ""), "not a string"},
        Case{file_of(R"({"__metadata__":[]})", ""), "not an object"}));

TEST(Safetensors, RefusesTooManyTensors) {
  Scratch const scratch("safetensors");
  std::string header = "{";
  for (int i = 0; i <= 65537; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + entry("U8", "[0]", "[0,0]");
  write_atomically(scratch / "x", file_of(header + "}", ""));
  EXPECT_NE(message_of<Broken>([&] { SafetensorsFile const file(scratch / "x"); }).find("at most 65536"),
            std::string::npos);
}

}  // namespace
}  // namespace bsft
