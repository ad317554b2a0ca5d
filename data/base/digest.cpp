#include "data/base/digest.hpp"

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>

#include "data/base/error.hpp"
#include "data/base/file.hpp"

namespace bsft {
namespace {

std::string hex(unsigned char const* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::string hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return hex(canonical.digest, sizeof canonical.digest);
}

}  // namespace

std::string xxh128_hex(std::string_view bytes) { return hex(XXH3_128bits(bytes.data(), bytes.size())); }

std::uint64_t xxh64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string sha256_hex(std::string_view bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.hex();
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  ensure(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1, "SHA-256");
}
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  ensure(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "SHA-256");
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  ensure(EVP_DigestFinal_ex(state_->context, out.data(), &size) == 1, "SHA-256");
  return bsft::hex(out.data(), size);
}

std::string sha256_file(std::filesystem::path const& file) {
  Sha256 sum;
  read_blocks(file, [&](std::string_view block) { sum.add(block); });
  return sum.hex();
}

struct Digest::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Digest::Digest() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->xxh); }
Digest::~Digest() = default;

Digest& Digest::add(std::string_view part) {
  std::uint64_t const size = part.size();
  XXH3_128bits_update(state_->xxh, &size, sizeof size);
  XXH3_128bits_update(state_->xxh, part.data(), part.size());
  return *this;
}

std::string Digest::hex() const { return bsft::hex(XXH3_128bits_digest(state_->xxh)); }

std::uint64_t mix(std::uint64_t seed, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  std::array<std::uint64_t, 3> const words{a, b, c};
  return XXH3_64bits_withSeed(words.data(), sizeof words, seed);
}

std::array<std::uint64_t, 2> mix128(std::uint64_t a, std::uint64_t b) {
  std::array<std::uint64_t, 2> const words{a, b};
  XXH128_hash_t const hash = XXH3_128bits(words.data(), sizeof words);
  return {hash.low64, hash.high64};
}

}  // namespace bsft
