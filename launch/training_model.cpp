#include "launch/training_model.hpp"

#include <cstdio>

#include "trainer/model/weights.hpp"
#include "trainer/report/progress.hpp"

namespace bsft {

std::unique_ptr<Decoder> make_model(Config const& config, TrainingData const& data, at::Device device,
                                    std::function<void(Decoder const&, Parameter const&)> const& filled) {
  BehaviorMap const& behaviors = data.reader().catalog().behaviors;
  std::vector<TokenId> ids;
  std::vector<std::vector<TokenId>> descriptions;
  for (BehaviorToken const& behavior : behaviors.tokens) {
    ids.push_back(behavior.id);
    descriptions.push_back(data.tokenizer().encode(behavior.description, Specials::as_text));
  }
  bool const random = config.model.init == "random";
  Shape const shape = resized(read_shape(config.model.path), random ? config.model.shape : ShapeConfig{});
  auto decoder = std::make_unique<Decoder>(shape, ids, config.model.freeze, device);
  Filled const one = [&](Parameter const& parameter) { filled(*decoder, parameter); };
  bool learned = false;
  if (random) {
    initialise_random(*decoder, config.run.seed, one);
  } else {
    load_weights(*decoder, config.model.path, one);
    learned = carries_behaviors(data.tokenizer(), behaviors);
  }
  if (!learned && !ids.empty()) {
    initialise_behavior_rows(*decoder, config.behavior.init, descriptions, config.run.seed);
  }
  return decoder;
}

std::vector<std::string> describe_model(Decoder const& decoder, BehaviorMap const& behaviors) {
  Shape const& shape = decoder.shape();
  std::int64_t all = 0;
  for (Parameter const& parameter : decoder.parameters()) all += parameter.value.numel();
  std::int64_t trained = 0;
  for (Parameter const& parameter : decoder.parameters()) trained += parameter.trainable ? parameter.value.numel() : 0;
  std::vector<std::string> lines;
  lines.push_back("model: " + shape.family + ", " + std::to_string(shape.layers) + " layers of width " +
                  std::to_string(shape.width) + ", " + grouped(all) + " parameters, " + grouped(trained) + " trained");
  at::Tensor const rows = decoder.parameter("behavior.rows").value;
  for (std::size_t k = 0; k < behaviors.tokens.size(); ++k) {
    double const norm = rows[static_cast<std::int64_t>(k)].detach().norm().item<double>();
    char text[64];
    std::snprintf(text, sizeof text, "id %d  norm %.4f  ", static_cast<int>(behaviors.tokens[k].id), norm);
    lines.push_back("behaviour row " + std::to_string(k) + ": " + text + behaviors.tokens[k].token +
                    "  no weight decay");
  }
  return lines;
}

std::string describe_memory(ModelMemory const& memory, std::int64_t copy, std::int64_t tokens_a_pass) {
  auto const mebibytes = [](std::int64_t bytes) { return grouped((bytes + (1 << 20) - 1) >> 20); };
  return "memory: " + mebibytes(memory.kept()) + " MiB a rank (weights " + mebibytes(memory.weights + memory.frozen) +
         ", gradient " + mebibytes(memory.gradient) + ", moments " + mebibytes(memory.moments) +
         (memory.partial > 0 ? ", partial gradients of its lanes " + mebibytes(memory.partial) : "") + ")" +
         (memory.passing > 0 ? ", at most " + mebibytes(memory.passing) + " more during a step" : "") +
         (memory.accumulating > 0
              ? " (" + mebibytes(memory.passing + memory.accumulating) + " where it takes several passes)"
              : "") +
         ", " + mebibytes(copy) + " for the checkpoint that is written beside training" +
         ", beside the activations of a pass of at most " + grouped(tokens_a_pass) + " tokens";
}

}  // namespace bsft
