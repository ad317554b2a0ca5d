// Prints, as JSON, the ranges of a tiny decoder and its weights after each of six updates from made-up gradients.
#include <cmath>
#include <cstdio>

#include "data/base/json.hpp"
#include "trainer/optim/optimizer.hpp"

int main() {
  using namespace bsft;
  Shape shape;
  shape.family = "qwen2";
  shape.vocabulary = 12;
  shape.width = 8;
  shape.layers = 1;
  shape.heads = 2;
  shape.kv_heads = 1;
  shape.head_width = 4;
  shape.feed_forward = 12;
  shape.max_positions = 16;
  shape.attention_bias = true;
  Decoder const decoder(shape, {3, 5}, "none");
  OptimizerConfig settings;
  settings.weight_decay = 0.1;
  settings.max_grad_norm = 1;
  Optimizer optimizer(decoder, settings);

  OrderedJson out;
  for (Parameter const& p : decoder.parameters()) {
    out["parameters"].push_back({{"name", p.name}, {"offset", p.offset}, {"count", p.value.numel()}});
    at::Tensor const part = decoder.flat().slice(0, p.offset, p.offset + p.value.numel());
    for (std::int64_t i = 0; i < part.numel(); ++i) {
      part.data_ptr<float>()[i] = static_cast<float>(std::cos(0.37 * static_cast<double>(p.offset + i)));
    }
  }
  for (int step = 0; step < 6; ++step) {
    double const size = step % 2 == 0 ? 0.001 : 0.5;  // not clipped, clipped
    decoder.flat_gradient().zero_();
    for (Parameter const& p : decoder.parameters()) {
      for (std::int64_t i = p.offset; i < p.offset + p.value.numel(); ++i) {
        decoder.flat_gradient().data_ptr<float>()[i] =
            static_cast<float>(size * std::sin(0.7 * static_cast<double>(i) + step));
      }
    }
    double const norm = std::sqrt(op::sum_in_order(optimizer.block_squares()));
    optimizer.update(0.01 / (step + 1), norm);
    at::Tensor const flat = decoder.flat().detach().contiguous();
    out["norms"].push_back(norm);
    out["weights"].push_back(std::vector<float>(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()));
  }
  std::puts(out.dump().c_str());
}
