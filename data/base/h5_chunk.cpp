#include "data/base/h5_chunk.hpp"

#include <zlib.h>

#include <algorithm>
#include <vector>

namespace bsft {
namespace {

// Over big-endian 16-bit words; an odd last byte counts as a high one.
std::uint32_t fletcher32(std::span<std::uint8_t const> bytes) {
  std::uint32_t low = 0, high = 0;
  std::size_t at = 0;
  while (at + 1 < bytes.size()) {
    std::size_t const end = at + std::min<std::size_t>(720, (bytes.size() - at) & ~std::size_t{1});  // no overflow
    for (; at < end; at += 2) {
      low += static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
      high += low;
    }
    low = (low & 0xffff) + (low >> 16);
    high = (high & 0xffff) + (high >> 16);
  }
  if (at < bytes.size()) {
    low += static_cast<std::uint32_t>(bytes[at]) << 8;
    high += low;
    low = (low & 0xffff) + (low >> 16);
    high = (high & 0xffff) + (high >> 16);
  }
  low = (low & 0xffff) + (low >> 16);
  high = (high & 0xffff) + (high >> 16);
  return high << 16 | low;
}

bool inflate_exactly(std::span<std::uint8_t const> from, std::span<std::uint8_t> out) {
  uLongf size = out.size();
  uLong used = from.size();
  return ::uncompress2(out.data(), &size, from.data(), &used) == Z_OK && size == out.size() && used == from.size();
}

// Byte b of element i lies at [b, i]; what is left over stands at the end as it is.
void unshuffle(std::span<std::uint8_t const> from, std::size_t element_bytes, std::span<std::uint8_t> out) {
  std::size_t const elements = from.size() / element_bytes;
  for (std::size_t b = 0; b < element_bytes; ++b)
    for (std::size_t i = 0; i < elements; ++i) out[i * element_bytes + b] = from[b * elements + i];
  std::copy(from.begin() + static_cast<std::ptrdiff_t>(elements * element_bytes), from.end(),
            out.begin() + static_cast<std::ptrdiff_t>(elements * element_bytes));
}

}  // namespace

std::string unpack_chunk(std::span<std::uint8_t const> stored, ChunkFilters filters, std::size_t element_bytes,
                         std::span<std::uint8_t> out) {
  if (stored.size() < 4) return "the chunk is cut";
  auto const packed = stored.first(stored.size() - 4), sum = stored.last(4);
  std::uint32_t const expected = static_cast<std::uint32_t>(sum[0]) | static_cast<std::uint32_t>(sum[1]) << 8 |
                                 static_cast<std::uint32_t>(sum[2]) << 16 | static_cast<std::uint32_t>(sum[3]) << 24;
  if (fletcher32(packed) != expected) return "its Fletcher32 checksum is wrong";
  bool const shuffled = filters.shuffled && element_bytes > 1;
  std::vector<std::uint8_t> apart(shuffled ? out.size() : 0);
  std::span<std::uint8_t> const into = shuffled ? std::span(apart) : out;
  if (!filters.deflated && packed.size() != into.size()) return "the chunk is of another size";
  if (!filters.deflated) std::copy(packed.begin(), packed.end(), into.begin());
  if (filters.deflated && !inflate_exactly(packed, into)) return "it does not inflate to a chunk";
  if (shuffled) unshuffle(apart, element_bytes, out);
  return {};
}

}  // namespace bsft
