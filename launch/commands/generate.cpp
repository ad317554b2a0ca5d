// bsft generate: read a prompt, select a behaviour, answer.
#include <torch/csrc/autograd/grad_mode.h>

#include <cmath>
#include <iostream>
#include <iterator>

#include "data/base/json.hpp"
#include "data/schema/taxonomy.hpp"
#include "launch/commands/choices.hpp"
#include "launch/commands/commands.hpp"
#include "trainer/evaluate/model_folder.hpp"

namespace bsft {
namespace {

// Logits [exported vocabulary] of the token after `tokens`.
at::Tensor next_logits(Decoder const& decoder, std::vector<TokenId> const& tokens) {
  auto const count = static_cast<std::int32_t>(tokens.size());
  Forest forest;
  forest.tokens = tokens;
  forest.segments.push_back({0, count, -1, 0});
  return decoder.logits(decoder.forward(forest), {count - 1}).to(at::kCPU)[0];
}

// P(behaviour) among the K, at the end of the prompt.
std::vector<double> behavior_probabilities(ModelFolder const& model, std::vector<TokenId> const& prompt) {
  at::Tensor const logits = next_logits(model.decoder(), prompt).to(at::kDouble);
  std::vector<double> values;
  double largest = -INFINITY, sum = 0;
  for (BehaviorToken const& behavior : model.behaviors().tokens) {
    values.push_back(logits[behavior.id].item<double>());
    largest = std::max(largest, values.back());
  }
  for (double& value : values) sum += value = std::exp(value - largest);
  for (double& value : values) value /= sum;
  return values;
}

std::vector<TokenId> continue_greedily(ModelFolder const& model, std::vector<TokenId> tokens, std::int64_t most) {
  std::vector<TokenId> answer;
  while (static_cast<std::int64_t>(answer.size()) < most) {
    auto const next = static_cast<TokenId>(next_logits(model.decoder(), tokens).argmax().item<std::int64_t>());
    if (next == model.chat_template().end() || next == model.tokenizer().eos()) break;
    answer.push_back(next);
    tokens.push_back(next);
  }
  return answer;
}

int run(Arguments const& arguments) {
  torch::autograd::AutoGradMode const no_gradient(false);
  std::int64_t const most = at_least(arguments, "max-tokens", 1);
  use_machine(arguments);
  ModelFolder const model(arguments.text("model"), read_taxonomy(arguments.text("behaviors")).behaviors,
                          arguments.text("template"));
  auto const& behaviors = model.behaviors().tokens;
  std::string const wanted = arguments.text("behavior");
  std::vector<std::string> names{"none"};
  for (auto const& behavior : behaviors) names.push_back(behavior.name);
  if (!wanted.empty()) choice("behavior", wanted, names);

  std::string prompt{std::istreambuf_iterator<char>(std::cin), {}};
  while (!prompt.empty() && prompt.back() == '\n') prompt.pop_back();
  if (prompt.empty())
    throw Invalid(Exit::usage, "no prompt", "standard input is empty", "echo \"…\" | bsft generate --model DIR");
  std::vector<Turn> turns;
  if (!arguments.text("system").empty()) turns.push_back({"system", "", arguments.text("system")});
  turns.push_back({"user", "", prompt});
  std::vector<TokenId> tokens = model.chat_template().render_prompt(turns);

  if (!model.learned())
    std::cerr << "bsft: this model has not learned the behaviours: their rows are the mean of their descriptions\n";
  OrderedJson json;
  std::vector<double> const probabilities = behavior_probabilities(model, tokens);
  auto const best = std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
  std::string const chosen = wanted.empty() ? behaviors.at(static_cast<std::size_t>(best)).name : wanted;
  json["behavior"] = chosen;
  std::cerr << "behaviour: " << chosen << (wanted.empty() ? " (selected;" : " (given;");
  for (std::size_t k = 0; k < behaviors.size(); ++k) {
    json["probabilities"][behaviors[k].name] = probabilities[k];
    std::cerr << " " << behaviors[k].name << " " << std::round(probabilities[k] * 1000) / 1000;
    if (behaviors[k].name == chosen) tokens.push_back(behaviors[k].id);
  }
  std::cerr << ")" << std::endl;
  json["answer"] = model.tokenizer().decode(continue_greedily(model, tokens, most));
  std::cout << (arguments.has("json") ? json.dump(1, ' ', false, Json::error_handler_t::replace)
                                      : json["answer"].get<std::string>())
            << std::endl;
  return static_cast<int>(Exit::done);
}

}  // namespace

Command generate_command() {
  return {"generate",
          "Judge",
          "answer the prompt on standard input; the model selects its behaviour, or is given one",
          "",
          {{"model", "DIR", "a Hugging Face folder: a checkpoint of ours, or a model that was not trained", "", true},
           {"behavior", "NAME", "give this behaviour in place of the selected one; none: no token"},
           {"behaviors", "FILE.yaml", "the behaviours and their tokens", "configs/behaviorbench.yaml"},
           {"system", "TEXT", "a system turn before the prompt"},
           {"template", "FAMILY", "as model.template", "auto"},
           {"max-tokens", "N", "of the answer", "64"},
           {"threads", "N", "0: as libtorch chooses", "0"},
           {"kernels", "PATH", "fused or reference", "fused"},
           {"json", "", "behaviour, probabilities and answer as JSON"}},
          {"echo \"Is this dose safe? …\" | bsft generate --model runs/quickstart/checkpoints/step-00000400"},
          run};
}

}  // namespace bsft
