#include "trainer/checkpoint/training_state.hpp"

#include <cstring>
#include <iterator>
#include <vector>

#include "data/base/error.hpp"
#include "data/base/safetensors.hpp"

namespace bsft {
namespace {

struct Kind {
  std::string prefix;
  at::Tensor Moments::*which;
};
Kind const kinds[] = {{"moment1.", &Moments::first}, {"moment2.", &Moments::second}};

}  // namespace

void write_training_state(Decoder const& decoder, Moments const& moments, std::filesystem::path const& file) {
  std::vector<TensorView> views;
  std::vector<at::Tensor> on_host;  // what the views look into
  for (Parameter const& p : decoder.parameters()) {
    if (p.offset < 0) continue;
    for (Kind const& kind : kinds) {
      on_host.push_back((moments.*kind.which).narrow(0, p.offset, p.value.numel()).to(at::kCPU).contiguous());
      auto const* const bytes = static_cast<char const*>(on_host.back().data_ptr());
      views.push_back({kind.prefix + p.name,
                       "F32",
                       p.value.sizes().vec(),
                       {bytes, static_cast<std::size_t>(on_host.back().nbytes())}});
    }
  }
  write_safetensors(file, views, {{"format", "bsft"}});
}

void read_training_state(Decoder const& decoder, Optimizer& optimizer, std::filesystem::path const& file) {
  SafetensorsFile const stored(file);
  std::size_t wanted = 0;
  for (Parameter const& p : decoder.parameters()) wanted += p.offset < 0 ? 0 : std::size(kinds);
  if (stored.tensors().size() != wanted) {
    throw Broken(file.string(),
                 std::to_string(stored.tensors().size()) + " moments, the model has " + std::to_string(wanted),
                 "resume with the configuration of that run");
  }
  for (Parameter const& p : decoder.parameters()) {
    if (p.offset < 0) continue;
    for (Kind const& kind : kinds) {
      std::string const name = kind.prefix + p.name;
      TensorView const* const view = stored.find(name);
      if (view == nullptr || view->dtype != "F32" || view->shape != p.value.sizes().vec()) {
        throw Broken(file.string(), name + (view == nullptr ? " is missing" : " has another shape or type"),
                     "resume with the configuration of that run");
      }
      at::Tensor const host = at::empty({p.value.numel()}, at::kFloat);
      ensure(view->bytes.size() == host.nbytes(), "a moment's bytes fit its shape");
      std::memcpy(host.data_ptr(), view->bytes.data(), view->bytes.size());
      optimizer.take(kind.which, p.offset, host);
    }
  }
}

}  // namespace bsft
