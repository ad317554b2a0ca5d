#include "data/base/h5.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <functional>
#include <numeric>

#include "data/base/error.hpp"
#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

std::vector<std::int32_t> counted(std::size_t n) {
  std::vector<std::int32_t> values(n);
  std::iota(values.begin(), values.end(), -7);
  return values;
}

TEST(H5, WritesAndReadsEveryTypeAndLength) {
  Scratch const scratch("h5");
  int number = 0;
  for (std::size_t const length : {1, 3, 31, 32, 33, 255, 256, 257, 1003, 16384, 16385, 40000}) {
    auto const file = scratch / (std::to_string(number++) + ".h5");
    auto const values = counted(length);
    std::vector<std::int64_t> const longs(values.begin(), values.end());
    std::vector<float> const reals(values.begin(), values.end());
    std::vector<std::uint8_t> const bytes(values.begin(), values.end());
    H5Writer writer(file);
    writer.write<std::int32_t>("group/ints", values);
    writer.write<std::int64_t>("group/longs", longs);
    writer.write<float>("reals", reals);
    writer.write<std::uint8_t>("bytes", bytes);
    writer.write_text("text", "some text");
    writer.close();
    H5Reader const reader(file);
    EXPECT_EQ(reader.names(), (std::vector<std::string>{"bytes", "group/ints", "group/longs", "reals", "text"}));
    EXPECT_EQ(reader.open<std::int32_t>("group/ints").read(), values);
    EXPECT_EQ(reader.open<std::int64_t>("group/longs").read(), longs);
    EXPECT_EQ(reader.open<float>("reals").read(), reals);
    EXPECT_EQ(reader.open<std::uint8_t>("bytes").read(), bytes);
    EXPECT_EQ(reader.read_text("text", 9), "some text");
    auto const part = static_cast<std::int64_t>(length / 3);
    EXPECT_EQ(reader.open<std::int32_t>("group/ints").read(part, part),
              std::vector<std::int32_t>(values.begin() + part, values.begin() + 2 * part));
  }
}

TEST(H5, RefusesRowsOutsideAndOtherTypes) {
  Scratch const scratch("h5");
  H5Writer writer(scratch / "a.h5");
  writer.write<std::int32_t>("ints", counted(10));
  writer.close();
  H5Reader const reader(scratch / "a.h5");
  auto const ints = reader.open<std::int32_t>("ints");
  EXPECT_NE(message_of<Broken>([&] { ints.read(5, 6); }).find("dataset ints (rows 5 to 11 of 10)"), std::string::npos);
  EXPECT_THROW(ints.read(-1, 1), Broken);
  EXPECT_TRUE(ints.read(10, 0).empty());
  EXPECT_NE(message_of<Broken>([&] { reader.open<float>("ints"); }).find("dataset ints (not of the type"),
            std::string::npos);
  EXPECT_NE(message_of<Broken>([&] { reader.open<float>("none"); }).find("dataset none (HDF5: "), std::string::npos);
  EXPECT_NE(message_of<Broken>([&] { reader.read_text("ints", 100); }).find("not of the type"), std::string::npos);
}

TEST(H5, SaysWhatIsNotHdf5) {
  Scratch const scratch("h5");
  EXPECT_NE(message_of<Failed>([&] { H5Reader const r(scratch / "none.h5"); }).find("no such file"), std::string::npos);
  write_atomically(scratch / "text.h5", "not HDF5 at all");
  testing::internal::CaptureStderr();
  EXPECT_NE(message_of<Broken>([&] { H5Reader const r(scratch / "text.h5"); }).find("not an HDF5 file"),
            std::string::npos);
  EXPECT_NE(message_of<Broken>([&] { H5Reader const r(scratch / ""); }).find("not a regular file"), std::string::npos);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "HDF5 prints its own errors";
  EXPECT_THROW(H5Writer(scratch / "text.h5"), Failed) << "an existing file is written over";
}

// Files as a stranger may write them, through the C API.
struct Foreign {
  char const* name;
  std::function<void(hid_t file)> make;
  char const* says;
};

hid_t chunked(hsize_t chunk) {
  hid_t const list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 1, &chunk);
  return list;
}

void dataset(hid_t file, hid_t type, hid_t space, hid_t list) {
  H5Dclose(H5Dcreate2(file, "x", type, space, H5P_DEFAULT, list, H5P_DEFAULT));
}

hid_t line(hsize_t size) { return H5Screate_simple(1, &size, nullptr); }

hid_t with_fletcher(hid_t list) {
  H5Pset_fletcher32(list);
  return list;
}

std::vector<Foreign> foreign() {
  return {
      {"contiguous", [](hid_t f) { dataset(f, H5T_STD_I32LE, line(8), H5P_DEFAULT); }, "not stored in chunks"},
      {"no checksum", [](hid_t f) { dataset(f, H5T_STD_I32LE, line(8), chunked(8)); }, "no Fletcher32"},
      {"big-endian", [](hid_t f) { dataset(f, H5T_STD_I32BE, line(8), with_fletcher(chunked(8))); }, "not of the type"},
      {"scalar", [](hid_t f) { dataset(f, H5T_STD_I32LE, H5Screate(H5S_SCALAR), H5P_DEFAULT); }, "not one-dimensional"},
      {"two-dimensional",
       [](hid_t f) {
         hsize_t const size[2]{2, 4};
         dataset(f, H5T_STD_I32LE, H5Screate_simple(2, size, nullptr), H5P_DEFAULT);
       },
       "not one-dimensional"},
      {"bomb", [](hid_t f) { dataset(f, H5T_STD_I32LE, line(hsize_t{1} << 39), with_fletcher(chunked(1024))); },
       "elements in a file of"},
      {"huge chunk",
       [](hid_t f) { dataset(f, H5T_STD_I32LE, line(hsize_t{1} << 25), with_fletcher(chunked(hsize_t{1} << 25))); },
       "chunks over 64 MiB"},
      {"other filter",
       [](hid_t f) {
         hid_t const list = with_fletcher(chunked(8));
         H5Pset_nbit(list);
         dataset(f, H5T_STD_I32LE, line(8), list);
       },
       "is not shuffle"},
      {"variable length", [](hid_t f) { dataset(f, H5Tvlen_create(H5T_STD_I32LE), line(8), chunked(8)); },
       "not of the type"},
      {"external storage",
       [](hid_t f) {
         hid_t const list = H5Pcreate(H5P_DATASET_CREATE);
         H5Pset_external(list, "/etc/hostname", 0, 32);
         dataset(f, H5T_STD_I32LE, line(8), list);
       },
       "not stored in chunks of the file itself"},
  };
}

TEST(H5, RefusesForeignDatasets) {
  Scratch const scratch("h5");
  for (auto const& [name, make, says] : foreign()) {
    auto const path = scratch / "x.h5";
    hid_t const file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    make(file);
    H5Fclose(file);
    H5Reader const reader(path);
    auto const message = message_of<Broken>([&] { reader.open<std::int32_t>("x"); });
    EXPECT_NE(message.find("dataset x"), std::string::npos) << name << ": " << message;
    EXPECT_NE(message.find(says), std::string::npos) << name << ": " << message;
  }
}

TEST(H5, RefusesLinksOutOfTheFile) {
  Scratch const scratch("h5");
  for (bool const external : {false, true}) {
    auto const path = scratch / "x.h5";
    hid_t const access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    hid_t const file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (external)
      H5Lcreate_external("other.h5", "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
    else
      H5Lcreate_soft("/y", file, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    H5Reader const reader(path);
    EXPECT_NE(message_of<Broken>([&] { reader.names(); }).find("link x leads out"), std::string::npos);
  }
}

TEST(H5, RefusesGroupsWhoseLinksHaveNoChecksum) {
  Scratch const scratch("h5");
  hid_t const file = H5Fcreate((scratch / "x.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  dataset(file, H5T_STD_I32LE, line(8), with_fletcher(chunked(8)));
  H5Fclose(file);
  H5Reader const reader(scratch / "x.h5");
  EXPECT_NE(message_of<Broken>([&] { reader.names(); }).find("links are not stored in its header"), std::string::npos);
}

TEST(H5, SeesAFlippedBit) {
  Scratch const scratch("h5");
  H5Writer writer(scratch / "a.h5");
  std::vector<std::uint64_t> noise(4096);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = i * 0x9e3779b97f4a7c15ULL;
  writer.write<std::uint64_t>("noise", noise);
  writer.close();
  auto bytes = read_file(scratch / "a.h5");
  bytes[bytes.size() / 2] ^= 0x10;
  write_atomically(scratch / "a.h5", bytes);
  H5Reader const reader(scratch / "a.h5");
  auto const message = message_of<Broken>([&] { reader.open<std::uint64_t>("noise").read(); });
  EXPECT_NE(message.find("dataset noise, chunk 0 (its Fletcher32 checksum is wrong)"), std::string::npos) << message;
}

}  // namespace
}  // namespace bsft
