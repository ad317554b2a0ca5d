// Undo the filters of one chunk: shuffle, deflate, Fletcher32, in the order in which a writer applies them.
//
// HDF5's own pipeline believes what a stream says of its length: 1.10.8 reads past its buffer, and crashes, where a
// chunk inflates to less than a chunk.  Here the stream has to fill `out` exactly, whatever it says.
// unpack_chunk: why the stored bytes are not a whole chunk, or empty where `out` [chunk bytes] was filled.
// Any thread.  Source: HDF5 file format 3.0, filters 1 to 3; tests/base/h5_test.cpp reads what HDF5 wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace bsft {

struct ChunkFilters {
  bool shuffled = false, deflated = false;  // and always Fletcher32
};

std::string unpack_chunk(std::span<std::uint8_t const> stored, ChunkFilters filters, std::size_t element_bytes,
                         std::span<std::uint8_t> out);

}  // namespace bsft
