#include "trainer/checkpoint/host_copy.hpp"

namespace bsft {
namespace {

constexpr std::int64_t real = sizeof(float);

std::int64_t exported_numbers(Decoder const& decoder, bool changing_alone) {
  std::int64_t numbers = 0;
  for (Parameter const& p : decoder.parameters()) {
    if (p.name.starts_with("behavior.")) continue;
    bool const table = p.name == "model.embed_tokens.weight" || p.name == "lm_head.weight";
    if (table)
      numbers += decoder.exported_vocabulary() * p.value.size(1);
    else if (p.trainable || !changing_alone)
      numbers += p.value.numel();
  }
  return numbers;
}

}  // namespace

bool is_even(int size, int shards) { return shards % size == 0; }

Share share_of(int rank, int size, int shards) {
  if (!is_even(size, shards)) return {0, rank == 0 ? shards : 0, shards, rank == 0};
  int const each = shards / size;
  return {rank * each, (rank + 1) * each, shards, rank == 0};
}

std::int64_t bytes_of_copy(Decoder const& decoder, Buckets const& buckets, Share const& share) {
  std::int64_t numbers = 0;
  for (int shard = share.first; shard < share.last; ++shard) {
    for (Part const& part : parts_of(buckets, shard, share.shards)) numbers += 2 * (part.end - part.begin);
  }
  return real * (numbers + (share.weights ? exported_numbers(decoder, true) : 0));
}

std::int64_t bytes_of_checkpoint(Decoder const& decoder) {
  return real * (exported_numbers(decoder, false) + 2 * decoder.flat().numel());
}

HostCopy::HostCopy(Decoder const& decoder, Buckets const& buckets, Share const& share)
    : decoder_(decoder), weights_(share.weights) {
  for (int shard = share.first; shard < share.last; ++shard)
    shards_.emplace_back(decoder, buckets, shard, share.shards);
  if (weights_) copy_exported(decoder_, tensors_);
}

void HostCopy::take(MomentSource const& moments) {
  if (weights_) copy_exported(decoder_, tensors_);
  for (StateShard& shard : shards_) shard.take(moments);
}

std::vector<StagedFile> HostCopy::files() const {
  std::vector<StagedFile> files;
  for (StateShard const& shard : shards_) files.push_back(shard.file());
  if (!weights_) return files;
  std::vector<TensorView> views;
  for (ExportedTensor const& tensor : tensors_) views.push_back(tensor.view());
  files.push_back({"model.safetensors", safetensors_head(views, {{"format", "pt"}}), {}});
  for (TensorView const& view : views) files.back().body.push_back(view.bytes);
  return files;
}

}  // namespace bsft
