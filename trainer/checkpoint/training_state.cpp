#include "trainer/checkpoint/training_state.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/safetensors.hpp"

namespace bsft {
namespace {

struct Moment {
  std::string name;
  std::vector<std::int64_t> shape;
  at::Tensor part;  // [n], a view into the flat moments
};

std::vector<Moment> moments_of(Decoder const& decoder, Optimizer const& optimizer) {
  std::vector<Moment> moments;
  for (Parameter const& p : decoder.parameters()) {
    if (p.offset < 0) continue;
    for (auto const& [prefix, flat] : {std::pair("moment1.", optimizer.moment1()), {"moment2.", optimizer.moment2()}}) {
      moments.push_back({prefix + p.name, p.value.sizes().vec(), flat.slice(0, p.offset, p.offset + p.value.numel())});
    }
  }
  return moments;
}

}  // namespace

void write_training_state(Decoder const& decoder, Optimizer const& optimizer, std::filesystem::path const& file) {
  std::vector<TensorView> views;
  std::vector<at::Tensor> on_host;  // what the views look into
  for (Moment const& moment : moments_of(decoder, optimizer)) {
    on_host.push_back(moment.part.to(at::kCPU).contiguous());
    auto const* const bytes = static_cast<char const*>(on_host.back().data_ptr());
    views.push_back({moment.name, "F32", moment.shape, {bytes, static_cast<std::size_t>(on_host.back().nbytes())}});
  }
  write_safetensors(file, views, {{"format", "bsft"}});
}

void read_training_state(Decoder const& decoder, Optimizer& optimizer, std::filesystem::path const& file) {
  SafetensorsFile const stored(file);
  std::vector<Moment> const moments = moments_of(decoder, optimizer);
  if (stored.tensors().size() != moments.size()) {
    throw Broken(file.string(),
                 std::to_string(stored.tensors().size()) + " moments, the model has " + std::to_string(moments.size()),
                 "resume with the configuration of that run");
  }
  for (Moment const& moment : moments) {
    TensorView const* const view = stored.find(moment.name);
    if (view == nullptr || view->dtype != "F32" || view->shape != moment.shape) {
      throw Broken(file.string(), moment.name + (view == nullptr ? " is missing" : " has another shape or type"),
                   "resume with the configuration of that run");
    }
    at::Tensor const host = at::empty({moment.part.numel()}, at::kFloat);
    ensure(view->bytes.size() == host.nbytes(), "a moment's bytes fit its shape");
    std::memcpy(host.data_ptr(), view->bytes.data(), view->bytes.size());
    moment.part.copy_(host);
  }
}

}  // namespace bsft
