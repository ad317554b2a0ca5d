// Runs a decoder on a request and writes what it computed, for the Python tests that compare with transformers.
//
//   model_probe FOLDER REQUEST.json OUT.safetensors
// request {"behavior_ids", "freeze", "init"?: random|description|mean, "seed"?, "descriptions"?,
//          "tokens"?: [token...] (behaviour tokens by name; with "export": DIR), "sequences": [{"tokens","targets":
//          [[at, token, weight]...],"share"}], "scale"}
// out     logits [T,V'], hidden_rows, loss, loss_by_forest [1], row_loss, correct, entropy [R], grad.<name>,
// value.<name>
#include <filesystem>
#include <iostream>

#include "data/base/error.hpp"
#include "data/base/json.hpp"
#include "kernels/op/torch.hpp"
#include "trainer/model/export.hpp"
#include "trainer/model/weights.hpp"

namespace bsft {
namespace {

Forest forest_of(Json const& request) {
  std::vector<Sequence> sequences;
  for (Json const& one : request.at("sequences")) {
    Sequence sequence;
    sequence.tokens = one.at("tokens").get<std::vector<TokenId>>();
    for (Json const& target : one.value("targets", Json::array()))
      sequence.targets.push_back({target[0], target[1], target[2], Channel::response});
    sequence.share = one.value("share", -1);
    sequences.push_back(sequence);
  }
  return plant(sequences);
}

BehaviorMap behaviors_of(Json const& request) {
  BehaviorMap map;
  for (std::size_t k = 0; k < request.at("tokens").size(); ++k)
    map.tokens.push_back({"b" + std::to_string(k), request["tokens"][k], "", request["behavior_ids"][k]});
  return map;
}

void export_to(Decoder const& decoder, Json const& request, std::filesystem::path const& source) {
  std::filesystem::path const target = request["export"].get<std::string>();
  for (auto const& [name, content] : exported_files(decoder, behaviors_of(request), source))
    write_atomically(target / name, content);
  std::vector<ExportedTensor> const tensors = exported_tensors(decoder);
  std::vector<TensorView> views;
  for (ExportedTensor const& tensor : tensors) views.push_back(tensor.view());
  write_safetensors(target / "model.safetensors", views, {{"format", "pt"}});
}

int run(std::filesystem::path const& folder, Json const& request, std::filesystem::path const& out) {
  at::set_num_threads(request.value("threads", 1));
  ShapeConfig sizes;
  sizes.num_hidden_layers = request.value("layers", 0);
  Decoder decoder(resized(read_shape(folder), sizes), request.at("behavior_ids").get<std::vector<TokenId>>(),
                  request.value("freeze", "none"));
  std::uint64_t const seed = request.value("seed", 1);
  if (request.value("weights", "folder") == "random") {
    initialise_random(decoder, seed);
  } else {
    LoadReport const report = load_weights(decoder, folder);
    for (std::string const& name : report.unexpected) std::cerr << "unexpected " << name << "\n";
    for (TokenId const id : report.behavior_missing) std::cerr << "missing " << id << "\n";
  }
  if (request.contains("init"))
    initialise_behavior_rows(decoder, request["init"],
                             request.value("descriptions", std::vector<std::vector<TokenId>>{}), seed);
  if (request.contains("export")) export_to(decoder, request, folder);

  std::vector<ExportedTensor> results;
  auto const keep = [&](std::string const& name, at::Tensor const& value) {
    results.push_back({name, value.detach().to(at::kFloat).contiguous().clone()});
  };
  if (request.contains("sequences")) {
    Forest const forest = forest_of(request);
    double const scale = request.value("scale", 1.0);
    std::vector<std::int32_t> rows(forest.tokens.size());
    for (std::size_t t = 0; t < rows.size(); ++t) rows[t] = static_cast<std::int32_t>(t);
    at::Tensor const hidden = decoder.forward(forest);
    keep("logits", decoder.logits(hidden, rows));
    std::vector<float> places;
    for (SupervisedRow const& row : forest.supervised) places.push_back(static_cast<float>(row.row));
    keep("rows", at::tensor(places));
    op::RowLoss const whole = decoder.loss(hidden, forest.supervised, scale);
    whole.total.backward();
    keep("loss", whole.total.reshape({1}));
    keep("row_loss", whole.loss), keep("correct", whole.correct), keep("entropy", whole.entropy);
    for (Parameter const& parameter : decoder.parameters())
      if (parameter.trainable) keep("grad." + parameter.name, parameter.value.grad());
    decoder.flat_gradient().zero_();
    op::RowLoss const brief = decoder.loss(forest, scale);
    brief.total.backward();
    keep("loss_by_forest", brief.total.reshape({1}));
    keep("row_loss_by_forest", brief.loss);
    for (Parameter const& parameter : decoder.parameters())
      if (parameter.trainable) keep("forest_grad." + parameter.name, parameter.value.grad());
  }
  for (Parameter const& parameter : decoder.parameters()) keep("value." + parameter.name, parameter.value);
  std::vector<TensorView> views;
  for (ExportedTensor const& result : results) views.push_back(result.view());
  write_safetensors(out, views, {{"base_digest", decoder.base_digest()}});
  return 0;
}

}  // namespace
}  // namespace bsft

int main(int count, char** arguments) {
  try {
    if (count != 4) throw bsft::Invalid(bsft::Exit::usage, "model_probe FOLDER REQUEST.json OUT.safetensors");
    return bsft::run(arguments[1], bsft::read_json(arguments[2]), arguments[3]);
  } catch (bsft::Error const& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
