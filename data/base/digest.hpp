// Digests: XXH3-128 inside the program, SHA-256 where a person compares with `sha256sum` or the Hub.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace bsft {

// 32 lower-case hex digits.
std::string xxh128_hex(std::string_view bytes);
std::uint64_t xxh64(std::string_view bytes);  // XXH3-64
// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
std::string sha256_file(std::filesystem::path const& file);

// A running SHA-256: of what is written, while it is written.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string hex();  // ends it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A running XXH3-128 over parts; each part is preceded by its length, so that the cut between parts counts.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest& add(std::string_view part);
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A keyed 64-bit mix: the counter-based randomness of the whole program (XXH3-64 of the words).
std::uint64_t mix(std::uint64_t seed, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0);
// XXH3-128 of the words: {low, high}.
std::array<std::uint64_t, 2> mix128(std::uint64_t a, std::uint64_t b);

}  // namespace bsft
