// Hashes of our own over every chunk of a data file, and reading that checks them.
//
// The table, dataset "chunk_hashes" u64 [N + 1]: the XXH3-64 of each chunk's values as little-endian bytes, dataset
// after dataset by name, then the hash of the table itself: of every dataset's name, size and chunk, and of all hashes.
// So a change of any dataset, of its shape or of the table is seen, whatever HDF5 makes of it.
// CheckedDataset reads whole chunks, compares each with its hash once, and keeps the last ones (64 MiB): what it
// returns is what was written.  One thread. Errors: Broken for a table that does not fit; a damaged chunk is handed to
// `refuse`, which throws. Source: reliability.md row 13; format.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"
#include "data/base/h5.hpp"

namespace bsft {

constexpr char const* chunk_hashes_name = "chunk_hashes";

template <class T>
std::string_view bytes_of_values(std::span<T const> values) {
  return {reinterpret_cast<char const*>(values.data()), values.size() * sizeof(T)};
}
template <class T>
std::string_view bytes_of_values(std::vector<T> const& values) {
  return bytes_of_values(std::span<T const>(values));
}

class ChunkHashes {
 public:
  ChunkHashes() = default;
  // From a file's table; its size is checked against the datasets as they are opened, and all of it by complete().
  ChunkHashes(std::vector<std::uint64_t> table, std::string where)
      : table_(std::move(table)), where_(std::move(where)) {}

  // Writing: hashes of a dataset's chunks; reading: where its hashes begin.  Datasets come by ascending name.
  template <class T>
  void add(std::string const& name, std::span<T const> values) {
    auto const count = static_cast<std::int64_t>(values.size()), chunk = H5Writer::chunk_of(count, sizeof(T));
    shape(name, count, chunk);
    for (std::int64_t at = 0; at < count; at += chunk)
      table_.push_back(xxh64(bytes_of_values(values.subspan(at, std::min(chunk, count - at)))));
  }
  std::vector<std::uint64_t> finished() const;

  std::span<std::uint64_t const> of(std::string const& name, std::int64_t size, std::int64_t chunk);
  // After all datasets: that they are those of the table.
  void expect_whole() const;

 private:
  void shape(std::string const& name, std::int64_t size, std::int64_t chunk);
  std::uint64_t own_hash(std::size_t chunks) const;

  std::vector<std::uint64_t> table_;
  std::string where_, shapes_;
  std::size_t used_ = 0;
};

template <class T>
class CheckedDataset {
 public:
  using Refuse = std::function<void(std::int64_t chunk, std::string const& why)>;
  CheckedDataset() = default;
  CheckedDataset(H5Dataset<T> stored, std::span<std::uint64_t const> hashes, Refuse refuse)
      : stored_(std::move(stored)), hashes_(hashes), refuse_(std::move(refuse)) {}

  std::int64_t size() const { return stored_.size(); }
  std::int64_t chunk() const { return stored_.chunk(); }
  std::int64_t chunks() const { return static_cast<std::int64_t>(hashes_.size()); }
  H5Dataset<T> const& stored() const { return stored_; }

  // Why the chunk is damaged, or empty.
  std::string fault(std::int64_t number, std::vector<T>& values) const {
    std::string why = stored_.unpack(number, values);
    values.resize(static_cast<std::size_t>(std::min(chunk(), size() - number * chunk())));
    if (why.empty() && xxh64(bytes_of_values(values)) != hashes_[static_cast<std::size_t>(number)])
      why = "its hash is not that of what was written";
    return why;
  }

  std::vector<T> read(std::int64_t offset, std::int64_t count) const {
    ensure(offset >= 0 && count >= 0 && offset <= size() - count, "rows of this dataset");
    std::vector<T> out;
    out.reserve(static_cast<std::size_t>(count));
    for (std::int64_t at = offset; at < offset + count;) {
      std::int64_t const number = at / chunk(), begin = number * chunk();
      std::vector<T> const& values = checked(number);
      auto const first = static_cast<std::size_t>(at - begin);
      auto const last = std::min(values.size(), static_cast<std::size_t>(offset + count - begin));
      out.insert(out.end(), values.begin() + first, values.begin() + last);
      at = begin + static_cast<std::int64_t>(last);
    }
    return out;
  }
  std::vector<T> read() const { return read(0, size()); }

 private:
  struct Kept {
    std::int64_t number;
    std::vector<T> values;
  };

  std::vector<T> const& checked(std::int64_t number) const {
    if (auto const found = places_.find(number); found != places_.end()) {
      kept_.splice(kept_.begin(), kept_, found->second);
      return kept_.front().values;
    }
    Kept fresh{number, {}};
    if (std::string const why = fault(number, fresh.values); !why.empty()) refuse_(number, why);
    constexpr std::size_t room = std::size_t{64} << 20;
    auto const most = std::max<std::size_t>(2, room / (static_cast<std::size_t>(chunk()) * sizeof(T)));
    if (kept_.size() >= most) {
      places_.erase(kept_.back().number);
      kept_.pop_back();
    }
    kept_.push_front(std::move(fresh));
    places_[number] = kept_.begin();
    return kept_.front().values;
  }

  H5Dataset<T> stored_;
  std::span<std::uint64_t const> hashes_;
  Refuse refuse_;
  mutable std::list<Kept> kept_;  // the last used first
  mutable std::map<std::int64_t, typename std::list<Kept>::iterator> places_;
};

}  // namespace bsft
