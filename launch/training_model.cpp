#include "launch/training_model.hpp"

#include <cstdio>

#include "trainer/report/progress.hpp"

namespace bsft {

std::unique_ptr<Decoder> empty_model(Config const& config, TrainingData const& data, at::Device device) {
  std::vector<TokenId> ids;
  for (BehaviorToken const& behavior : data.reader().catalog().behaviors.tokens) ids.push_back(behavior.id);
  bool const random = config.model.init == "random";
  Shape const shape = resized(read_shape(config.model.path), random ? config.model.shape : ShapeConfig{});
  return std::make_unique<Decoder>(shape, ids, config.model.freeze, device);
}

void fill_model(Decoder& decoder, Config const& config, TrainingData const& data, Filled const& filled) {
  BehaviorMap const& behaviors = data.reader().catalog().behaviors;
  bool learned = false;
  if (config.model.init == "random") {
    initialise_random(decoder, config.run.seed, filled);
  } else {
    load_weights(decoder, config.model.path, filled);
    learned = carries_behaviors(data.tokenizer(), behaviors);
  }
  if (learned || behaviors.tokens.empty()) return;
  std::vector<std::vector<TokenId>> descriptions;
  for (BehaviorToken const& behavior : behaviors.tokens)
    descriptions.push_back(data.tokenizer().encode(behavior.description, Specials::as_text));
  initialise_behavior_rows(decoder, config.behavior.init, descriptions, config.run.seed);
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
