#include "trainer/checkpoint/state_shards.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>

#include "data/base/error.hpp"
#include "data/base/safetensors.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;

constexpr int most_shards = 1024;
struct Kind {
  char const* prefix;
  at::Tensor Moments::*which;
};
constexpr std::array kinds{Kind{"moment1.", &Moments::first}, Kind{"moment2.", &Moments::second}};
char const* const remedy = "resume from an older checkpoint";

struct Address {
  std::size_t kind;
  std::string parameter;
  std::int64_t begin, end;
};

// moment1.NAME[BEGIN:END]
std::optional<Address> address_of(std::string const& name) {
  std::size_t const open = name.rfind('['), colon = name.rfind(':');
  if (open == std::string::npos || colon == std::string::npos || colon < open || name.back() != ']') return {};
  auto const number = [&](std::size_t from, std::size_t to) {
    std::int64_t value = -1;
    auto const [end, error] = std::from_chars(name.data() + from, name.data() + to, value);
    return error == std::errc() && end == name.data() + to ? value : -1;
  };
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::size_t const prefix = std::string_view(kinds[k].prefix).size();
    if (name.compare(0, prefix, kinds[k].prefix) != 0 || open < prefix) continue;
    Address found{k, name.substr(prefix, open - prefix), number(open + 1, colon), number(colon + 1, name.size() - 1)};
    if (found.begin >= 0 && found.end > found.begin) return found;
  }
  return {};
}

}  // namespace

int shards_of(std::int64_t lanes) {
  std::int64_t shards = std::min<std::int64_t>(lanes, most_shards);
  while (lanes % shards != 0) --shards;
  return static_cast<int>(shards);
}

std::string shard_name(int shard, int shards) {
  char name[64];
  std::snprintf(name, sizeof name, "training_state-%05d-of-%05d.safetensors", shard + 1, shards);
  return name;
}

StateShard::StateShard(Decoder const& decoder, Buckets const& buckets, int shard, int shards)
    : name_(shard_name(shard, shards)), parts_(parts_of(buckets, shard, shards)) {
  std::int64_t place = 0;
  for (Part const& part : parts_) {
    for (Parameter const& p : decoder.parameters()) {
      if (p.offset < 0) continue;
      std::int64_t const begin = std::max(part.begin, p.offset), end = std::min(part.end, p.offset + p.value.numel());
      if (begin < end) pieces_.push_back({p.name, begin - p.offset, end - p.offset, place + begin - part.begin});
    }
    place += part.end - part.begin;
  }
  for (Kind const& kind : kinds)
    copy_.*kind.which = at::empty({place}, at::kFloat).zero_();  // the system gives its memory now
}

void StateShard::take(MomentSource const& source) {
  for (Kind const& kind : kinds) {
    std::int64_t place = 0;
    for (Part const& part : parts_) {
      std::int64_t const n = part.end - part.begin;
      source(kind.which, part.begin, (copy_.*kind.which).narrow(0, place, n));
      place += n;
    }
  }
}

StagedFile StateShard::file() const {
  std::vector<TensorView> views;
  for (Kind const& kind : kinds) {
    auto const* const numbers = (copy_.*kind.which).const_data_ptr<float>();
    for (Piece const& piece : pieces_) {
      std::int64_t const n = piece.end - piece.begin;
      views.push_back(
          {kind.prefix + piece.parameter + "[" + std::to_string(piece.begin) + ":" + std::to_string(piece.end) + "]",
           "F32",
           {n},
           {reinterpret_cast<char const*>(numbers + piece.place), static_cast<std::size_t>(n) * sizeof(float)}});
    }
  }
  StagedFile file{name_, safetensors_head(views, {{"format", "bsft"}}), {}};
  for (TensorView const& view : views) file.body.push_back(view.bytes);
  return file;
}

void read_state(Decoder const& decoder, Optimizer& optimizer, fs::path const& folder, int shards) {
  std::map<std::string, Parameter const*> trained;
  for (Parameter const& p : decoder.parameters()) {
    if (p.offset >= 0) trained[p.name] = &p;
  }
  std::array<std::map<std::string, std::vector<Part>>, kinds.size()> seen;
  for (int shard = 0; shard < shards; ++shard) {
    fs::path const file = folder / shard_name(shard, shards);
    SafetensorsFile const stored(file);
    for (TensorView const& view : stored.tensors()) {
      std::optional<Address> const at = address_of(view.name);
      auto const found = at ? trained.find(at->parameter) : trained.end();
      if (found == trained.end() || at->end > found->second->value.numel() || view.dtype != "F32" ||
          view.shape != std::vector<std::int64_t>{at->end - at->begin}) {
        throw Broken(file.string(), "\"" + view.name.substr(0, 80) + "\" is no part of this model's state", remedy);
      }
      seen[at->kind][at->parameter].push_back({at->begin, at->end});
      at::Tensor const values =
          at::from_blob(const_cast<char*>(view.bytes.data()), {at->end - at->begin}, at::kFloat);  // is only read
      optimizer.take(kinds[at->kind].which, found->second->offset + at->begin, values);
    }
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    for (auto const& [name, parameter] : trained) {
      std::vector<Part>& parts = seen[k][name];
      std::sort(parts.begin(), parts.end(), [](Part const& a, Part const& b) { return a.begin < b.begin; });
      std::int64_t at = 0;
      for (Part const& part : parts) at = part.begin == at ? part.end : -1;
      if (at != parameter->value.numel())
        throw Broken(folder.string(), std::string(kinds[k].prefix) + name + " is not there once and whole", remedy);
    }
  }
}

}  // namespace bsft
