// The model of a run: its folder's weights or random ones, and behaviour rows where it has not learned them yet.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launch/training_data.hpp"
#include "trainer/config/config.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {

std::unique_ptr<Decoder> make_model(Config const& config, TrainingData const& data, at::Device device);

// Lines that say what will be trained: sizes, and id, token and norm of each behaviour row.
std::vector<std::string> describe_model(Decoder const& decoder, BehaviorMap const& behaviors);

// What one trainer rank keeps, in bytes: weights, gradient, moments, and the lanes' buffers; activations come on top.
std::int64_t state_bytes(Decoder const& decoder, Optimizer const& optimizer, std::int64_t lanes_a_rank);

}  // namespace bsft
