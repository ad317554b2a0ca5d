#include "data/base/digest.hpp"

#include <gtest/gtest.h>

#include "data/base/file.hpp"
#include "tests/base/scratch.hpp"

namespace bsft {
namespace {

// Published vectors: FIPS 180-2 for SHA-256; xxhsum -H2 / -H3 of xxHash 0.8.
TEST(Digest, KnownVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(xxh128_hex(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(xxh64(""), 0x2d06800538d394c2ULL);
}

TEST(Digest, FileEqualsBytes) {
  Scratch const scratch("digest");
  write_atomically(scratch / "a", "abc");
  EXPECT_EQ(sha256_file(scratch / "a"), sha256_hex("abc"));
  for (std::size_t const size : {0, 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 17}) {  // read_blocks has blocks of 1 MiB
    std::string bytes(size, 'x');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
    write_atomically(scratch / "b", bytes);
    EXPECT_EQ(sha256_file(scratch / "b"), sha256_hex(bytes)) << size;
  }
}

TEST(Digest, CutBetweenPartsCounts) {
  auto const hex = [](auto... parts) {
    Digest digest;
    (digest.add(parts), ...);
    return digest.hex();
  };
  EXPECT_EQ(hex("ab", "c"), hex("ab", "c"));
  EXPECT_NE(hex("ab", "c"), hex("a", "bc"));
  EXPECT_NE(hex("abc"), hex("abc", ""));
}

TEST(Digest, MixDependsOnEveryWord) {
  auto const base = mix(1, 2, 3, 4);
  EXPECT_EQ(base, mix(1, 2, 3, 4));
  EXPECT_NE(base, mix(2, 2, 3, 4));
  EXPECT_NE(base, mix(1, 3, 3, 4));
  EXPECT_NE(base, mix(1, 2, 4, 4));
  EXPECT_NE(base, mix(1, 2, 3, 5));
}

}  // namespace
}  // namespace bsft
